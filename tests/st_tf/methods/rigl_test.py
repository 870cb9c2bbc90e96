import math

import numpy as np
import pytest
import tensorflow as tf

from st_tf.api import dry_run
from st_tf.config import ConfigError
from st_tf.methods import _first_mask as first_mask
from st_tf.methods import rigl
from st_tf.pruning.ranking import RankingError
from st_tf.runs.workdir import Workdir
from st_tf.training import optimizers
from tests import tiny


def configured(**changes):
  return tiny.config(**{'method': 'rigl', 'sparsity': (0.75,), 'epochs': 2, 'supernet': str(tiny.SUPERNET)} | changes)


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
  """(ticket, rows, what every exchange saw and did, what the first would have seen of the network by itself)."""
  exchanges, first, exchange = [], [], rigl._exchange

  def watched(run, gradients, fraction):
    trainer = run.trainer
    if trainer.step == 1:
      images, targets = next(tiny.batches(trainer))  # The first batch, which has just been trained on.
      weights = first_mask.weights(trainer)
      with tf.GradientTape() as tape:
        tape.watch(list(weights.values()))
        loss = tf.reduce_mean(run.task.loss(targets, trainer.model(images, training=True), run.config.training.label_smoothing))
      found = tape.gradient(loss, list(weights.values()), unconnected_gradients='zero')
      first.append((trainer.mask, gradients, {name: each.numpy() for name, each in zip(weights, found)}))
    before, weights = trainer.mask, trainer.values()
    exchange(run, gradients, fraction)
    slots = optimizers.slots(trainer.optimizer, trainer.trainable)
    exchanges.append((trainer.step, fraction, before, trainer.mask, weights, trainer.values(), slots))

  config = configured()
  workdir = Workdir(tmp_path_factory.mktemp('rigl') / 'run', config)
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(rigl, '_exchange', watched)
    ticket = rigl.draw(tiny.task(), config, workdir)
  return ticket, workdir.history.rows(), exchanges, first


def test_a_ticket_that_was_never_denser_and_whose_weights_moved(drawn):
  ticket, rows, exchanges, _ = drawn
  assert ticket.cost.zeros == int(0.75 * ticket.cost.prunable) and ticket.arch == tiny.ARCH
  assert [row['step'] for row in rows if row['event'] == 'prune'] == list(range(1, 10))
  moved = 0
  for _, _, before, after, weights, values, slots in exchanges:
    for name, mask in after.items():
      assert mask.sum() == before[name].sum()
      new, stays = mask & ~before[name], mask & before[name]
      moved += int(new.sum())
      assert not values[name][~mask].any() and not values[name][new].any()
      assert all(not memory[name][new | ~mask].any() for memory in slots.values())
      np.testing.assert_array_equal(values[name][stays][values[name][stays] != 0], weights[name][stays][values[name][stays] != 0])
  assert moved > 10
  # An exchange takes the dense gradients of one batch, beside those of its training step.
  images = 2 * tiny.SIZES['train'] + len(exchanges) * tiny.BATCH
  assert ticket.provenance.training.macs == 3 * images * ticket.cost.macs and ticket.provenance.training.epochs == 2


def test_densities_are_those_of_the_erdos_renyi_kernel(drawn):
  ticket = drawn[0]
  shapes = {name: mask.shape for name, mask in ticket.masks.items()}
  density = {name: mask.mean() for name, mask in ticket.masks.items()}
  unit = {name: density[name] * np.prod(shape) / sum(shape) for name, shape in shapes.items() if density[name] < 1}
  assert max(unit.values()) / min(unit.values()) < 1.5  # Whole weights, of which small layers have few.


def test_layers_have_no_floor(speck, tmp_path):
  settings = {'sparsity': (0.9,), 'layer_floor': 0.2}
  config = configured(epochs=1, supernet=str(speck), **settings)
  with pytest.raises(RankingError, match=r'at most 0\.78\d+ is reachable'):
    tiny.trainer(tiny.SPECK, **settings).ranked(0.9)
  assert list(dry_run.describe(tiny.task(), config, tmp_path / 'run'))
  ticket = rigl.draw(tiny.task(), config, Workdir(tmp_path / 'run', config))
  assert ticket.cost.zeros == int(0.9 * ticket.cost.prunable)


def test_weights_are_exchanged_by_the_gradients_of_all_weights_and_a_falling_share(drawn):
  _, _, exchanges, ((mask, gradients, expected),) = drawn
  for name, found in expected.items():
    np.testing.assert_allclose(gradients[name][mask[name]], found[mask[name]], rtol=1e-3, atol=1e-5)
  assert any(gradients[name][~kept].any() for name, kept in mask.items()), 'of dead weights too'
  end = rigl.plan(configured(), tiny.STEPS_PER_EPOCH).pruning.end_step
  shares = [0.15 * (1 + math.cos(math.pi * step / end)) for step, *_ in exchanges]
  assert [fraction for _, fraction, *_ in exchanges] == pytest.approx(shares)


@pytest.mark.slow
def test_an_interrupted_run_goes_on(tmp_path):
  config = configured()
  whole = rigl.draw(tiny.task(), config, Workdir(tmp_path / 'whole', config))
  with tiny.interrupted():
    rigl.draw(tiny.task(), config, Workdir(tmp_path / 'parts', config))
  assert rigl.draw(tiny.task(), config, Workdir(tmp_path / 'parts', config)).fingerprint == whole.fingerprint


def test_several_sparsities_are_refused():
  with pytest.raises(ConfigError, match='--method=rigl trains for one sparsity'):
    rigl.plan(configured(sparsity=(0.5, 0.9)), 6)
