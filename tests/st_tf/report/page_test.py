"""The words and numbers of the page follow from ticket and history."""

import dataclasses

import pytest

from st_tf.config import CONTROLS
from st_tf.report import page, survivors
from st_tf.ticket import Costs, Provenance, TrainingCost

HISTORY = [
  {'event': 'epoch', 'epoch': 1, 'step': 10, 'validation': {'top1': 0.24}},
  {'event': 'prune', 'epoch': 2, 'step': 12},
  {'event': 'epoch', 'epoch': 2, 'step': 20, 'validation': {'top1': 0.48}},
  {'event': 'prune', 'epoch': 3, 'step': 22},
  {'event': 'shrink', 'epoch': 3, 'step': 25},
  {'event': 'epoch', 'epoch': 3, 'step': 30, 'validation': None},
]


def test_settings_that_were_changed_come_first(tiny_ticket):
  rows = page.settings(tiny_ticket.provenance.config)
  assert [(name, value) for name, value, changed in rows if changed] == [('task', 'shapes'), ('seed', 5)]
  assert [row[2] for row in rows[:3]] == [True, True, False]


def test_the_headline_compares_with_the_dense_network(tiny_ticket):
  text = page.headline(tiny_ticket, HISTORY)
  assert '(10 classes, 32×32 pixels) with 70.0% top-1 accuracy on test images' in text
  assert 'it reaches 75.0%, the dense network 48.0%' in text


def test_a_moved_ticket_and_its_controls_are_told_apart(tiny_ticket):
  assert page.moved(tiny_ticket) == ''
  told = set()
  for control in CONTROLS:
    moved = dataclasses.replace(tiny_ticket, provenance=Provenance(method='transfer', config={'control': control}))
    told.add(page.moved(moved).partition('.')[0])
    assert f'of all parameters, {100 * tiny_ticket.cost.zeros / tiny_ticket.cost.params:.1f}% are zero' in page.moved(moved)
  assert len(told) == len(CONTROLS)


@pytest.mark.parametrize(
  ('given', 'masked', 'came'),
  [
    ({}, True, 'its mask and its weights'),
    ({'rewind': True}, True, 'its mask and the weights its run began with'),
    ({'reactivate': True}, True, 'its weights'),
    ({'rewind': True}, False, 'the weights its run began with'),
  ],
)
def test_what_came_with_a_moved_ticket_is_told(tiny_ticket, given, masked, came):
  masks = tiny_ticket.masks if masked else {}
  moved = dataclasses.replace(tiny_ticket, masks=masks, provenance=Provenance(method='transfer', config=given))
  assert f'its body came with {came}; the head' in page.moved(moved)


def test_units_that_were_trimmed_are_explained_where_they_are_counted(tiny_ticket):
  ticket = dataclasses.replace(tiny_ticket, provenance=Provenance(trimmed=7))
  assert dict(page.origin(ticket))['Trimmed'].startswith('7 units: the search ended above its target')


def test_what_training_has_cost_is_told_in_units(tiny_ticket):
  spent = TrainingCost(21.503999999999998, 557454723072, 289.204)
  ticket = dataclasses.replace(tiny_ticket, provenance=Provenance(method='supertickets', training=spent))
  assert ('All training for it', '21.5 epochs, 557 G MACs, 4 min 49 s') in page.origin(ticket)


def test_the_course_of_the_run_is_counted():
  begun = [{'event': 'shrink', 'epoch': 0}, *(row for row in HISTORY if row['event'] == 'epoch')]
  assert page.course(begun) == 'The run took 3 epochs and shrank 1 time (before the first epoch).'
  assert page.course(HISTORY) == 'The run took 3 epochs, pruned 2 times (epochs 2 to 3) and shrank 1 time (epoch 3).'
  assert page.course(HISTORY[:1]) == 'The run took 1 epoch.'


def test_of_many_classes_the_best_and_the_worst_are_shown():
  scores = {f'c{i:02}': {'count': 5, 'top1': i / 100} for i in range(40)}
  (_, best), (_, worst) = page.classes(scores, 'top1')
  assert [label for label, _, _ in best] == [f'c{i}' for i in range(39, 31, -1)]
  assert [label for label, _, _ in worst] == [f'c{i:02}' for i in range(8)]


def test_of_few_classes_all_are_shown_and_empty_ones_left_out():
  scores = {'a': {'count': 5, 'top1': 0.2}, 'b': {'count': 5, 'top1': 0.6}, 'c': {'count': 0, 'top1': 0.0}}
  assert page.classes(scores, 'top1') == [('All classes', [('b', 0.6, 5), ('a', 0.2, 5)])]


def test_what_survived_is_counted(tiny_ticket):
  ticket = tiny_ticket
  text = page.survival(survivors.network(ticket.supernet, ticket.arch, ticket.head, ticket.survivors, (32, 32)))
  assert '644 of 768 units (83.9%) and 15 of 18 kernels are left' in text
  assert 'Of 9 blocks, 1 is reduced to the skip connection.' in text


def test_reductions_are_fractions_of_the_supernet():
  cost = Costs(supernet_macs=2000, macs=1000, nonzero_macs=100, supernet_params=50, params=40, nonzero_params=10)
  found = {title: [level.fraction for level in levels] for title, levels in page.reductions(cost)}
  assert found == {'MACs per image': [1, 0.5, 0.05], 'Parameters': [1, 0.8, 0.2]}


def test_a_score_and_its_baselines_have_their_intervals(tiny_ticket):
  metrics = {'test': {'top1': 0.75}, 'baselines': {'test': {'chance': 0.1, 'linear model': 0.5}}}
  provenance = dataclasses.replace(tiny_ticket.provenance, examples={'test': 100})
  ticket = dataclasses.replace(tiny_ticket, metrics=metrics, provenance=provenance)
  ((title, levels),) = page.beaten(ticket)
  assert [level.fraction for level in levels] == [0.1, 0.5, 0.75], 'of all that there is, and not of the best'
  assert [level.sure for level in levels] == ['', '', '65.7 to 82.5%'] and title.endswith('what it has to beat, with 95% intervals')
  metrics['baseline_intervals'] = {'test': {'linear model': {'low': 0.4, 'high': 0.6}}}
  ((_, levels),) = page.beaten(ticket)
  assert [level.sure for level in levels] == ['', '40.0 to 60.0%', '65.7 to 82.5%']


def test_a_tile_is_shown_for_what_is_known(tiny_ticket):
  titles = [tile.title for tile in page.tiles(tiny_ticket)]
  assert titles == ['Top-1 accuracy, test', 'Top-1 accuracy, validation', 'Sparsity', 'Training time']
  exports = [('format', 'kernels', 'size', 'file'), ('int8', 'sparse', '1.5 KB', 'a.tflite'), ('float16', 'sparse', '2.5 KB', 'b.tflite')]
  tile = page.tiles(tiny_ticket, exports)[3]
  assert (tile.title, tile.value, tile.notes) == ('File to ship', '1.5 KB', ('a.tflite', 'int8, kernels sparse'))


def test_the_origin_says_what_the_provenance_knows(tiny_ticket):
  rows = dict(page.origin(tiny_ticket))
  assert rows['Command'].endswith('--task=shapes --seed=5') and rows['Seed'] == 5
  assert rows['Versions'].startswith('numpy ') and 'Started' not in rows


def test_classes_are_ranked_by_the_score_they_have():
  per_class = {'sky': {'count': 3, 'iou': 0.5}, 'road': {'count': 2, 'iou': 0.75}}
  assert page.class_metric(per_class) == 'iou' and page.class_metric({}) == ''
  assert page.classes(per_class, 'iou') == [('All classes', [('road', 0.75, 2), ('sky', 0.5, 3)])]
