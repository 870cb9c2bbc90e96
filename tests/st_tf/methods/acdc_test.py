import pytest

from st_tf.config import ConfigError
from st_tf.methods import acdc
from st_tf.runs.workdir import Workdir
from st_tf.training import optimizers
from st_tf.training.trainer import Trainer
from tests import tiny


def config(**settings):
  return tiny.config(**{'method': 'acdc', 'sparsity': (0.5,), 'epochs': 2} | settings)


def test_phases_take_turns_and_the_last_is_compressed():
  schedule = acdc.plan(config(epochs=100, prune_begin=0.1, prune_end=0.85), 1).pruning
  events = [(step, schedule.sparsity_at(step)) for step in range(1, 101) if schedule.is_event(step)]
  # As in the authors' settings for 100 epochs of ImageNet.
  assert events == [*((step, 0.5 if step % 10 == 0 else 0.0) for step in range(10, 80, 5)), (85, 0.5)]
  assert schedule.sparsity_at(80) == 0.0 and schedule.sparsity_at(72) == 0.5
  least = acdc.plan(config(epochs=100, prune_begin=0.7, prune_end=0.85), 1).pruning
  assert [(step, least.sparsity_at(step)) for step in range(101) if least.is_event(step)] == [(70, 0.5), (75, 0.0), (85, 0.5)]
  with pytest.raises(ConfigError, match=r'at least three pass\. Received: 70 to 84'):
    acdc.plan(config(epochs=100, prune_begin=0.7, prune_end=0.84), 1)
  with pytest.raises(ConfigError, match='--method=acdc trains for one sparsity'):
    acdc.plan(config(sparsity=(0.5, 0.8)), 6)


def test_what_was_pruned_goes_on_from_zero_without_momentum(speck, tmp_path, monkeypatch):
  seen = []
  hold = Trainer.hold

  def watched(trainer, mask, *how, **more):
    before = trainer.mask
    hold(trainer, mask, *how, **more)
    momenta = optimizers.slots(trainer.optimizer, trainer.trainable)
    weights = {name: trainer.values()[name] for name in mask}
    seen.append((mask.sparsity, before, weights, momenta))

  monkeypatch.setattr(Trainer, 'hold', watched)
  given = config(supernet=str(speck))
  workdir = Workdir(tmp_path / 'run', given)
  ticket = acdc.draw(tiny.task(), given, workdir)
  assert [round(sparsity, 2) for sparsity, *_ in seen][-3:] == [0.5, 0.0, 0.5] and seen[-1][0] == 0.5
  opened = next(entry for entry in seen if entry[0] == 0.0)
  _, before, weights, momenta = opened
  assert before.zeros and momenta
  for name, kept in before.items():
    assert not weights[name][~kept].any() and weights[name][kept].any()
    assert all(not memory[name][~kept].any() and memory[name][kept].any() for memory in momenta.values())
  rows = [row for row in workdir.history.rows() if row['event'] == 'prune']
  assert any(row['returned'] for row in rows) and rows[-1]['sparsity'] == 0.5
  assert ticket.cost.zeros == int(0.5 * ticket.cost.prunable) and ticket.arch == tiny.SPECK
