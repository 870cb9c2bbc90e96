"""Physical shrinking by the trainer, and runs that are continued from a saved state."""

import numpy as np
import pytest
import tensorflow as tf

from st_tf.models import cost
from st_tf.search import importance
from st_tf.training import averaging, optimizers
from tests import tiny

KEPT = [0, 2, 3, 7]
EMPTY_BLOCK = 'stage2/branch1/block0/k3'
THINNED = 'stage2/fuse/0to1/k3'


def alive(trainer, **changes) -> dict[str, np.ndarray]:
  """Everything, but only KEPT of one group and nothing of another."""
  found = {group.name: np.ones(group.units, bool) for group in importance.groups_of(trainer.model, trainer.arch, trainer.task.head)}
  if THINNED in found:
    found[THINNED][[unit for unit in range(len(found[THINNED])) if unit not in KEPT]] = False
  if EMPTY_BLOCK in found:
    found[EMPTY_BLOCK][:] = False
  return found


def outputs(trainer, images) -> tuple[np.ndarray, np.ndarray]:
  """(of the raw weights, of the averages), in inference."""
  raw = trainer.model(images, training=False).numpy()
  with averaging.swapped(trainer.variables, trainer.averages.values()):
    return raw, trainer.model(images, training=False).numpy()


@pytest.fixture(scope='module')
def shrunk():
  """(trainer after a shrink of zero factors, what it was before: values, slots, averages, mask, outputs, images)."""
  trainer = tiny.trainer()
  trainer.prune(0.5)
  tiny.train(trainer, 5)
  living = alive(trainer)
  averages = trainer.averages.values()
  for group in trainer.groups:
    trainer.variables[group.factor].assign(np.where(living[group.name], trainer.values()[group.factor], 0))
    trainer.averages.assign({group.factor: np.where(living[group.name], averages[group.factor], 0).astype(np.float32)})
  images = tf.constant(np.random.default_rng(0).normal(size=(4, tiny.SIDE, tiny.SIDE, 3)), tf.float32)
  before = {
    'values': trainer.values(),
    'slots': optimizers.slots(trainer.optimizer, trainer.trainable),
    'averages': trainer.averages.values(),
    'mask': trainer.mask,
    'outputs': outputs(trainer, images),
    'macs': cost.of(trainer.model).macs,
    'iterations': int(trainer.optimizer.iterations),
  }
  trainer.shrink(living)
  return trainer, before, images


def test_the_function_stays_the_same(shrunk):
  trainer, before, images = shrunk
  raw, averaged = outputs(trainer, images)
  np.testing.assert_allclose(raw, before['outputs'][0], atol=1e-5)
  np.testing.assert_allclose(averaged, before['outputs'][1], atol=1e-5)
  assert np.abs(before['outputs'][0]).max() > 0.01, 'the comparison says something'


def test_units_kernels_and_blocks_go(shrunk):
  trainer, before, _ = shrunk
  searched = dict(trainer.arch.searched)
  assert searched['stage2/fuse/0to1'].kernels == ((3, len(KEPT)),)
  assert searched['stage2/branch1/block0'].kernels == () and searched['stage2/branch1/block0'].shift
  assert cost.of(trainer.model).macs < before['macs']
  assert trainer.supernet == tiny.ARCH


def test_weights_masks_slots_and_averages_follow(shrunk):
  trainer, before, _ = shrunk
  for name, axis in ((f'{THINNED}/expand/kernel', 3), (f'{THINNED}/project/kernel', 2), (f'{THINNED}/factor_bn/gamma', 0)):
    assert np.array_equal(trainer.values()[name], np.take(before['values'][name], KEPT, axis))
    assert np.array_equal(trainer.averages.values()[name], np.take(before['averages'][name], KEPT, axis))
    slots = optimizers.slots(trainer.optimizer, trainer.trainable)
    assert np.array_equal(slots['momentums'][name], np.take(before['slots']['momentums'][name], KEPT, axis))
    assert np.abs(slots['momentums'][name]).max() > 0
  name = f'{THINNED}/expand/kernel'
  assert np.array_equal(trainer.mask[name], np.take(before['mask'][name], KEPT, 3))
  assert np.array_equal(trainer.mask['head/last/kernel'], before['mask']['head/last/kernel'])
  assert int(trainer.optimizer.iterations) == before['iterations'] > 0


def test_survivors_are_counted_from_the_supernet_over_several_shrinks(shrunk):
  trainer, _, _ = shrunk
  assert trainer.survivors[THINNED] == KEPT and trainer.survivors[EMPTY_BLOCK] == []
  living = {name: np.ones_like(value) for name, value in alive(trainer).items() if name != EMPTY_BLOCK}
  living[THINNED] = np.array([True, False, True, True])
  trainer.shrink(living)
  assert trainer.survivors[THINNED] == [0, 3, 7]
  assert trainer.survivors['head/down0/k3'] == list(range(8))


def live(trainer, until: int, keep: dict | None = None) -> None:
  """A short life: a pruning, a shrink, a pruning, a final pruning; states on the way go into `keep`."""
  events = {3: lambda: trainer.prune(0.3), 8: lambda: trainer.shrink(alive(trainer)), 10: lambda: trainer.prune(0.5)}
  events[12] = lambda: trainer.prune(0.6, final=True)
  while trainer.step < until:
    tiny.train(trainer, 1, learning_rate=0.05, strength=0.02)
    events.get(trainer.step, lambda: None)()
    if keep is not None:
      keep[trainer.step] = trainer.state()


@pytest.mark.slow
def test_a_restored_run_goes_on_bit_for_bit_also_across_a_shrink_and_within_an_epoch():
  states = {}
  first = tiny.trainer(optimizer='rmsprop', learning_rate=0.01)
  live(first, 14, states)
  assert first.traces == 2, 'one trace, and one more per shrink'
  second = tiny.trainer(optimizer='rmsprop', learning_rate=0.01)
  for step in (5, 8, 11, 13):
    second.restore(states[step])
    tiny.same_state(second.state(), states[step])
    live(second, 14)
    tiny.same_state(second.state(), first.state())
