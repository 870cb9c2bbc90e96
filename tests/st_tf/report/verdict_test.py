import types

import pytest

from st_tf.report.verdict import beaten, range_of, scored_split, to_beat, verdict


def _ticket(score: float = 0.8, baselines=None, split: str = 'test'):
  return types.SimpleNamespace(
    task=types.SimpleNamespace(primary_metric='top1'),
    metrics={split: {'top1': score}, 'baselines': {split: baselines or {}}},
    provenance=types.SimpleNamespace(examples={'test': 100, 'validation': 100}, config={}),
    sparsity=0.9,
  )


def _history(train: float, validation: float) -> list:
  return [{'event': 'epoch', 'train_top1': train, 'validation': {'top1': validation}}, {'event': 'ticket', 'validation': {'top1': 1.0}}]


@pytest.mark.parametrize(
  ('train', 'validation', 'words'),
  [(0.7, 0.75, 'Under-fitted: '), (0.99, 0.7, 'Too few pictures: '), (0.85, 0.8, 'Neither'), (0.97, 0.97, 'Neither')],
)
def test_what_training_and_validation_say_together(train, validation, words):
  found = verdict(_ticket(), _history(train, validation))
  assert found.startswith(words) and f'{train:.1%}' in found and f'{validation:.1%}' in found


def test_a_score_that_the_best_baseline_may_have_too_says_so():
  found = verdict(_ticket(0.5, {'chance': 0.1, 'linear model': 0.45}), _history(0.9, 0.5))
  assert found.startswith('Not shown to be better than the linear model, which has 45.0%')
  assert verdict(_ticket(0.8, {'linear model': 0.45}), _history(0.8, 0.75)).startswith('Neither')


def test_of_scores_without_an_interval_the_larger_one_decides():
  ticket = _ticket(0.5, {'linear model': 0.49})
  ticket.task.primary_metric = 'ap'
  ticket.metrics = {'test': {'ap': 0.5}, 'baselines': {'test': {'linear model': 0.49}}}
  assert not verdict(ticket, [])
  ticket.metrics['test']['ap'] = 0.49
  assert verdict(ticket, []).startswith('Not shown to be better')


def test_the_score_of_training_batches_decides_where_it_is_another():
  history = [{'event': 'epoch', 'train_aacc': 0.99, 'validation': {'top1': 0.2, 'aacc': 0.5}}]
  assert 'pixel accuracy is 99.0%' in verdict(_ticket(), history)


def test_nothing_is_said_of_what_is_not_known():
  assert verdict(_ticket(), []) == '' and scored_split({}, 'top1') == ''


def test_how_sure_a_score_is():
  assert range_of(_ticket(), 'test') == '95% interval 71.1 to 86.7%, 100 examples'
  scores = {'chance': 0.1, 'linear model': 0.412}
  assert beaten(scores, 'top1') == 'chance 10.0%, linear model 41.2%'
  assert beaten(scores, 'top1', {'linear model': (0.3814, 0.443)}) == 'chance 10.0%, linear model 41.2% (38.1 to 44.3%)'


def test_what_a_ticket_has_to_beat_is_said_with_the_intervals_that_it_knows():
  ticket = _ticket(baselines={'chance': 0.1, 'linear model': 0.5})
  assert to_beat(ticket, 'test') == 'chance 10.0%, linear model 50.0%' and to_beat(ticket, 'validation') == ''
  ticket.metrics['baseline_intervals'] = {'test': {'linear model': {'low': 0.4, 'high': 0.6}}}
  assert to_beat(ticket, 'test') == 'chance 10.0%, linear model 50.0% (40.0 to 60.0%)'


def test_a_ticket_is_judged_by_the_epoch_before_it_was_cut():
  history = (
    _history(0.99, 0.7)[:1] + [{'event': 'ticket', 'sparsity': 0.8}] + _history(0.85, 0.8)[:1] + [{'event': 'ticket', 'sparsity': 0.9}]
  )
  ticket = _ticket()
  assert verdict(ticket, history).startswith('Neither')
  ticket.sparsity = 0.8
  assert verdict(ticket, history).startswith('Too few pictures')


def test_scores_on_mixed_pictures_say_nothing_of_under_fitting():
  ticket = _ticket()
  ticket.provenance.config = {'mixup': 0.2}
  assert verdict(ticket, _history(0.7, 0.75)).startswith('Neither')


def test_advice_fits_what_was_done_and_how_much_was_scored():
  ticket = _ticket(0.5, {'linear model': 0.45})
  assert '100 test examples are few to tell by. Train longer (--epochs), begin with a trained network' in verdict(ticket, [])
  ticket.provenance.config = {'weights': 'imagenet'}
  ticket.provenance.examples = {'test': 400}
  ticket.metrics['baselines']['test']['linear model'] = 0.5
  assert verdict(ticket, []).endswith('which has 50.0%. Train longer (--epochs), or get more pictures.')


def test_a_trained_network_is_not_advised_to_who_has_one():
  ticket = _ticket()
  assert verdict(ticket, _history(0.99, 0.7)).endswith('More of them, or a trained network to begin with (--weights), help most.')
  brings = ({'supernet': 'keras:mine.keras', 'weights': ''}, {'init_from': 'ticket'}, {'source': 'ticket'})
  for config in ({'weights': 'imagenet.npz'}, *brings):
    ticket.provenance.config = config
    assert verdict(ticket, _history(0.99, 0.7)).endswith('on validation. More of them help most.'), config
  for config in ({'supernet': 'keras:mine.keras', 'weights': 'none'}, {'supernet': 'mobile', 'weights': '', 'init_from': '', 'source': ''}):
    ticket.provenance.config = config
    assert '(--weights)' in verdict(ticket, _history(0.99, 0.7)), config
