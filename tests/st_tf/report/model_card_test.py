import dataclasses

from st_tf.report import model_card


def test_a_card_says_what_a_ticket_is_how_good_how_large_and_what_it_cannot_do(tiny_ticket):
  labels = tiny_ticket.task.labels
  metrics = {
    'validation': {'top1': 0.8},
    'test': {'top1': 0.75},
    'baselines': {'test': {'chance': 0.1, 'linear model': 0.5}},
    'per_class': {label: {'count': 100 if index else 4, 'top1': 0.75} for index, label in enumerate(labels)},
  }
  provenance = dataclasses.replace(tiny_ticket.provenance, examples={'train': 2443, 'validation': 20, 'test': 100}, command='python -m it')
  ticket = dataclasses.replace(tiny_ticket, metrics=metrics, provenance=provenance)
  text = model_card.text(ticket, [('format', 'size'), ('float16', '0.9 MB')])
  assert text.startswith('# shapes: a small network for classification\n') and text.endswith('.\n')
  assert '| test | 75.0% | 65.7 to 82.5% | 100 | chance 10.0%, linear model 50.0% |' in text
  assert '| validation | 80.0% | 58.4 to 91.9% | 20 |  |' in text
  assert f'| {labels[0]} | 75.0% | 30.1 to 95.4% | 4 |' in text and f'which says little: {labels[0]}.' in text
  assert 'It learned from 2,443 of them.' in text and '- Command: `python -m it`' in text
  assert f'| MACs per picture | {ticket.cost.supernet_macs:,} | {ticket.cost.macs:,} | {ticket.cost.nonzero_macs:,} |' in text
  assert '| format | size |\n|---|---|\n| float16 | 0.9 MB |' in text


def test_a_class_without_a_score_has_none(tiny_ticket):
  first, second, *_ = tiny_ticket.task.labels
  metrics = {'test': {'top1': 0.75}, 'per_class': {first: {'count': 4, 'top1': 0.5}, second: {}}}
  text = model_card.text(dataclasses.replace(tiny_ticket, metrics=metrics))
  assert f'| {first} | 50.0% |' in text and f'| {second} | – |' in text


def test_names_from_elsewhere_stay_text(tiny_ticket):
  labels = ('a|b', '<b>c</b>', '[d](e)', *tiny_ticket.task.labels[3:])
  task = dataclasses.replace(tiny_ticket.task, labels=labels, name='folder:a/x_y`z')
  text = model_card.text(dataclasses.replace(tiny_ticket, task=task, metrics={}))
  assert 'a\\|b, \\<b\\>c\\</b\\>, \\[d\\](e)' in text and '# x\\_y\\`z: a small network' in text
  assert '## Scores' not in text and 'Files for phones' not in text
