import types

import numpy as np
import pytest
import tensorflow as tf

from st_tf.runs.begun import Begun
from st_tf.runs.continuing import DivergedError, Sums
from st_tf.training import replicas
from st_tf.training.trainer import Trainer
from tests import tiny

TASK = types.SimpleNamespace(batch_score=lambda targets, outputs: float((targets == outputs).mean()))


class Loss(float):
  """One that notes when it is read."""

  order: list[str] = []

  def __float__(self):
    self.order.append(f'read {super().__float__():g}')
    return super().__float__()


def added(begun, sums, losses):
  """Steps of these losses; the order in which they were begun and read."""
  Loss.order = order = []
  for step, loss in enumerate(losses, 1):
    order.append(f'begin {loss:g}')
    begun.add(step, np.array([step, 1]), Loss(loss), tf.constant([step, 0]), sums)
  return order


def begun():
  return Begun(TASK, tf.distribute.get_strategy())


def test_on_processors_every_step_is_read_at_once():
  sums = Sums()
  order = added(begun(), sums, [1.0, 3.0])
  assert order == ['begin 1', 'read 1', 'begin 3', 'read 3'] and (sums.loss, sums.score, sums.batches) == (4.0, 1.0, 2)


def test_a_gpu_has_the_next_step_before_one_is_read(monkeypatch):
  monkeypatch.setattr(replicas, 'ahead', lambda: 1)
  steps, sums = begun(), Sums()
  order = added(steps, sums, [1.0, 3.0, 5.0])
  assert order == ['begin 1', 'begin 3', 'read 1', 'begin 5', 'read 3'] and sums.batches == 2
  steps.read(sums)
  assert order[-1] == 'read 5' and (sums.loss, sums.batches) == (9.0, 3)
  steps.read(sums)
  assert sums.batches == 3


def test_a_loss_that_is_no_number_is_told_of_its_own_step(monkeypatch):
  monkeypatch.setattr(replicas, 'ahead', lambda: 1)
  with pytest.raises(DivergedError, match=r'finite number.*step 2'):
    added(begun(), Sums(), [1.0, float('nan'), 5.0])


def test_a_run_that_reads_late_is_the_same_run(tmp_path, monkeypatch):
  taken, late = [], []

  def train(trainer, *args):
    loss, outputs = of_trainer(trainer, *args)
    taken.append(trainer.step)
    return loss, outputs

  def gathered(strategy, outputs):
    late.append(len(taken) - len(late) - 1)
    return of_replicas(strategy, outputs)

  of_trainer, of_replicas, drawn = Trainer.train, replicas.gathered, []
  monkeypatch.setattr(Trainer, 'train', train)
  monkeypatch.setattr(replicas, 'gathered', gathered)
  for ahead in (0, 1):
    monkeypatch.setattr(replicas, 'ahead', lambda ahead=ahead: ahead)
    taken.clear()
    late.clear()
    ticket, workdir = tiny.draw(tmp_path / str(ahead), tiny.SPECK, target_macs=0.6)
    rows = [{name: value for name, value in row.items() if name != 'seconds'} for row in workdir.history.rows()]
    drawn.append((ticket.fingerprint, rows))
    # All but those before an evaluation, a pruning or a look at the units.
    assert set(late) == {0} if not ahead else late.count(1) > 8
  assert drawn[0] == drawn[1]
