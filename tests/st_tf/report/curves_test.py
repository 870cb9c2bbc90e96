"""Curves show what the metrics file says, at the time it happened."""

import pytest

from st_tf.report import curves

HISTORY = [
  {'event': 'prune', 'step': 5, 'epoch': 1, 'sparsity': 0.2},
  {'event': 'epoch', 'epoch': 1, 'step': 10, 'loss': 2.0, 'validation': {'top1': 0.3}, 'sparsity': 0.2, 'macs': 100, 'nonzero_macs': 80},
  {'event': 'shrink', 'step': 15, 'epoch': 2, 'macs_before': 100, 'macs_after': 60},
  {'event': 'epoch', 'epoch': 2, 'step': 20, 'loss': 1.0, 'validation': {'top1': 0.5}, 'sparsity': 0.4, 'macs': 60, 'nonzero_macs': 30},
]


def test_events_are_placed_within_their_epoch():
  assert [at for at, _ in curves.events(HISTORY, 'prune')] == [0.5]
  assert [at for at, _ in curves.events(HISTORY, 'shrink')] == [1.5]


def test_without_a_finished_epoch_no_event_has_a_time():
  assert curves.events(HISTORY[:1], 'prune') == []


def test_a_shrinking_is_an_upright_step_in_the_macs():
  line = curves.macs(HISTORY, 100).axes[0].lines[0]
  assert list(zip(*line.get_data())) == [(1, 100), (1.5, 100), (1.5, 60), (2, 60)]


def test_the_sparsity_between_epochs_is_that_of_the_prunings():
  line = curves.sparsity(HISTORY, 'top1').axes[1].lines[0]
  assert list(zip(*line.get_data())) == [(0.5, 0.2), (1, 0.2), (2, 0.4)]


def test_the_dense_run_is_drawn_beside():
  labels = [line.get_label() for line in curves.accuracy(HISTORY, 'top1', HISTORY).axes[0].lines]
  assert labels == ['validation', 'validation, dense network']


@pytest.mark.parametrize('history', [[], HISTORY[:1]])
def test_without_epochs_there_is_no_figure(history):
  found = [
    curves.loss(history),
    curves.accuracy(history, 'top1'),
    curves.learning_rate(history),
    curves.penalty(history),
    curves.sparsity(history, 'top1'),
    curves.macs(history, 100),
  ]
  assert found == [None] * 6


def test_what_is_no_number_is_left_out():
  rows = [{'event': 'epoch', 'epoch': 1, 'step': 1, 'loss': float('nan')}, {'event': 'epoch', 'epoch': 2, 'step': 2, 'loss': 1.5}]
  assert list(zip(*curves.loss(rows).axes[0].lines[0].get_data())) == [(2, 1.5)]
