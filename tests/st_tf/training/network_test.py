import numpy as np
import pytest

from st_tf.pruning import Mask
from st_tf.training import optimizers
from tests import tiny


@pytest.fixture
def trainer():
  found = tiny.trainer(tiny.SPECK, searching=False, ema_decay=0.9, reactivation='masked')
  tiny.train(found, 3)
  return found


def test_a_network_remembers_what_another_of_its_shape_does(trainer):
  other = tiny.trainer(tiny.SPECK, searching=False, ema_decay=0.9, reactivation='masked')
  memory = trainer.network.memory()
  other.network.remember(memory)
  found = other.network.memory()
  assert found.iterations == memory.iterations == 3 and found.averages
  assert all(np.array_equal(found.arrays()[name], value) for name, value in memory.arrays().items())


def test_values_that_are_given_are_the_averages_too_and_the_others_stay(trainer):
  before, name = trainer.values(), next(iter(trainer.trainable))
  trainer.network.give({name: before[name] + 1})
  after = trainer.values()
  assert np.array_equal(after.pop(name), before.pop(name) + 1)
  assert all(np.array_equal(value, before[name]) for name, value in after.items())
  assert np.array_equal(trainer.network.averaged()[name], trainer.values()[name])


def test_what_is_cleared_is_zero_in_averages_and_slots_too_and_nothing_else_changes(trainer):
  name, kept = next(iter(trainer.mask.items()))
  where = np.zeros_like(kept)
  where[..., 0] = True
  before, slots = trainer.network.memory(), optimizers.slots(trainer.optimizer, trainer.trainable)
  trainer.network.clear({name: where})
  after = trainer.network.memory()
  for old, new in ((before.values, after.values), (before.averages, after.averages), *((slots[slot], after.slots[slot]) for slot in slots)):
    assert not new[name][where].any() and np.array_equal(new[name][~where], old[name][~where]) and old[name][where].any()
    assert all(np.array_equal(value, old[other]) for other, value in new.items() if other != name)
  assert after.iterations == before.iterations


@pytest.mark.parametrize('final', [True, False])
def test_a_mask_from_elsewhere_is_held(trainer, final):
  mask = Mask({name: np.arange(kept.size).reshape(kept.shape) % 2 == 0 for name, kept in trainer.mask.items()})
  trainer.hold(mask, 0.5, final)
  assert (trainer.requested, trainer.final) == (0.5, final)
  assert all(np.array_equal(trainer.mask[name], kept) and not trainer.values()[name][~kept].any() for name, kept in mask.items())


def test_weights_to_begin_with_bring_their_steps(trainer):
  trainer.give(trainer.values(), step=5)
  assert trainer.step == 5
