"""Facts are written as they were read; what older tickets do not say and what later ones say besides survives."""

import json

import pytest

from st_tf.ticket import Costs, Provenance, TaskFacts, TrainingCost
from st_tf.ticket.facts import check_metrics
from tests.conftest import ROOT

RESULTS = sorted((ROOT / 'docs' / 'results').glob('*/ticket*.json'))
TASK = {
  'name': 'shapes',
  'labels': ['ring', 'star'],
  'mean': [0.5, 0.4, 0.3],
  'deviation': [0.2, 0.2, 0.1],
  'primary_metric': 'top1',
  'image_size': [32, 48],
}


def test_training_costs_add_up():
  assert TrainingCost(1.5, 10, 2.0) + TrainingCost(0.5, 5, 1.0) == TrainingCost(2.0, 15, 3.0)


def test_there_are_published_tickets():
  assert len(RESULTS) > 5


@pytest.mark.parametrize('path', RESULTS, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_what_published_tickets_say_is_written_as_it_was_read(path):
  facts = json.loads(path.read_text(encoding='utf-8'))
  costs, provenance = Costs.from_json(facts['cost']), Provenance.from_json(facts['provenance'])
  assert costs.to_json() == facts['cost'] and list(costs.to_json()) == list(facts['cost'])
  assert json.loads(json.dumps(provenance.to_json())) == facts['provenance']
  assert provenance.all_training.seconds >= provenance.seconds and provenance.steps and provenance.config['epochs']


def test_a_ticket_from_before_training_was_counted_says_its_time():
  provenance = Provenance.from_json({'method': 'dense', 'seconds': 7.0})
  assert provenance.training is None and provenance.all_training == TrainingCost(seconds=7.0)
  assert provenance.to_json() == {'method': 'dense', 'seconds': 7.0}
  assert Provenance.from_json({}).all_training == TrainingCost()


def test_what_a_later_version_says_survives():
  for kind, facts in ((Provenance, {'method': 'dense', 'machine': {'cores': 2}}), (Costs, Costs(params=3).to_json() | {'bytes': 12})):
    found = kind.from_json(facts)
    assert found.to_json() == facts and len(found.further) == 1
  facts = TASK | {'keep': 0.875, 'semantics': {'kind': 'classification'}, 'licence': 'CC0'}
  assert TaskFacts.from_json(facts, 2).to_json() == facts


def test_all_that_is_known_of_an_origin_is_written():
  facts = {
    'method': 'tuner',
    'config': {'seed': 0, 'sparsity': [0.8]},
    'command': 'python -m st_tf.train',
    'versions': {'numpy': '2'},
    'finished': 'today',
    'seconds': 0.0,
    'training': {'epochs': 2.0, 'macs': 3, 'seconds': 9.0},
    'steps': 0,
    'examples': {'train': 10},
    'splits': {'test': 'the validation split'},
    'source': 'abc',
    'latency': {'milliseconds': 1.5, 'table': {'runtime': 'wasm'}},
    'trimmed': 4,
    'trials': [{'validation': None}],
  }
  found = Provenance.from_json(facts)
  assert found.to_json() == facts and list(found.to_json()) == list(facts)
  assert found.training == found.all_training == TrainingCost(2.0, 3, 9.0)
  assert Provenance(config={'sparsity': (0.8,)}).to_json() == {'config': {'sparsity': [0.8]}}


def test_a_task_from_before_there_were_kinds_is_one_of_classes():
  found = TaskFacts.from_json(TASK, 2)
  assert (found.kind, found.keep, found.labels, found.image_size) == ('classification', 1.0, ('ring', 'star'), (32, 48))
  assert found.to_json() == TASK | {'keep': 1.0, 'semantics': {'kind': 'classification'}}


@pytest.mark.parametrize(
  ('part', 'message'),
  [
    ({'labels': ['ring']}, "the task's labels are no list of 2"),
    ({'mean': 0.5}, "the task's mean are no list of 3"),
    ({'name': None}, "the task's name is no text"),
  ],
)
def test_a_task_with_a_wrong_part_is_refused_by_its_name(part, message):
  with pytest.raises(ValueError, match=message):
    TaskFacts.from_json(TASK | part, 2)


def test_a_task_that_lacks_a_part_is_refused():
  with pytest.raises(KeyError):
    TaskFacts.from_json({name: value for name, value in TASK.items() if name != 'deviation'}, 2)


@pytest.mark.parametrize('metrics', [{'validation': {}}, {'test': {'top5': 0.5}}, {'validation': {'top1': 0.5}, 'test': {'tip1': 0.5}}])
def test_a_split_without_the_score_that_decides_is_refused(metrics):
  with pytest.raises(ValueError, match="has no 'top1'"):
    check_metrics(metrics, 'top1')
  check_metrics({'validation': {'top1': 0.5, 'loss': 1.0}}, 'top1')
  check_metrics(metrics, '')
