import math

import numpy as np
import pytest

from st_tf.models import cost
from st_tf.pruning.wrapper import prunable
from st_tf.training import averaging
from tests import tiny

SEEDED = np.random.default_rng(3)


@pytest.fixture(scope='module')
def one():
  """(a trainer after 7 steps of soft thresholds with averages, its state)."""
  trainer = tiny.trainer()
  trainer.prune(0.5)
  tiny.train(trainer, 7)
  return trainer, trainer.state()


@pytest.fixture
def trainer(one):
  """That trainer, put back to where it was."""
  found, state = one
  found.restore(state)
  return found


def test_a_fresh_trainer_has_the_supernet_and_keeps_all_of_it(trainer):
  assert trainer.arch == trainer.supernet == tiny.ARCH
  assert trainer.initial == {'params': cost.of(trainer.model).params, 'macs': cost.of(trainer.model).macs, 'prunable': trainer.mask.size}
  assert trainer.survivors == {group.name: list(range(group.units)) for group in trainer.groups}


def test_only_convolutions_outside_stem_depthwise_and_classifier_are_pruned_unless_asked(trainer):
  assert all(name.endswith(('/expand/kernel', '/project/kernel', '/skip/kernel', 'head/last/kernel')) for name in trainer.mask)
  found = set(tiny.trainer(prune_depthwise=True, prune_stem=True, prune_classifier=True, prune_skip=False).mask)
  names = found - set(trainer.mask)
  assert {name.rsplit('/', 2)[-2] for name in names} == {'depthwise', 'conv0', 'conv1', 'classifier'}
  left = set(trainer.mask) - found
  assert left == {name for name in trainer.mask if name.endswith('/skip/kernel')} and len(left) > 1


def test_the_loss_falls(trainer):
  losses = tiny.train(trainer, 14)
  assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])


def test_an_evaluation_in_between_changes_nothing(trainer):
  before = trainer.state()
  with trainer.evaluated(list(tiny.batches(trainer))):
    trainer.scores('validation')
    assert any(not np.array_equal(value, before.arrays[f'value/{name}']) for name, value in trainer.values().items())
  tiny.same_state(before, trainer.state())


def test_an_evaluation_that_fails_changes_nothing(trainer):
  before = trainer.state()
  with pytest.raises(RuntimeError), trainer.evaluated(list(tiny.batches(trainer))):
    raise RuntimeError
  tiny.same_state(before, trainer.state())


def test_what_is_evaluated_are_the_averages(trainer):
  averages = {name: 1.25 * value for name, value in trainer.averages.values().items()}
  trainer.averages.assign(averages)
  with trainer.evaluated(list(tiny.batches(trainer))):
    values = trainer.values()
  kernels = [name for name in averages if name.endswith('kernel')]
  assert kernels and all(np.array_equal(values[name], averages[name]) for name in kernels)
  assert not np.array_equal(values['head/last_bn/moving_mean'], averages['head/last_bn/moving_mean']), 'statistics are recalibrated'


def test_averages_follow_soft_thresholded_weights_exactly_until_the_mask_is_final(trainer):
  tiny.train(trainer, 1)
  values = trainer.values()
  assert all(np.array_equal(value, values[name]) for name, value in trainer.averages.values().items())
  trainer.prune(0.6, final=True)
  before = trainer.averages.values()
  tiny.train(trainer, 1)
  decay, name = averaging.decay_at(trainer.step - 1, trainer.config.training.ema_decay, tiny.BATCH), 'head/last/kernel'
  assert 0.1 < decay < 1
  expected = decay * before[name] + (1 - decay) * trainer.values()[name]
  np.testing.assert_allclose(trainer.averages.values()[name], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize('sparsity', [0.0, 0.3, 0.5, 0.875, 0.9])
def test_as_many_weights_are_pruned_as_requested(trainer, sparsity):
  happened = trainer.prune(sparsity)
  assert trainer.mask.zeros == math.floor(sparsity * trainer.mask.size)
  assert happened['sparsity'] == pytest.approx(sparsity, abs=1 / trainer.mask.size)
  assert trainer.requested == sparsity


def test_the_ranking_looks_at_the_averages_not_at_the_weights(trainer):
  averages = {name: SEEDED.normal(size=np.shape(value)).astype(np.float32) for name, value in trainer.network.magnitudes().items()}
  trainer.averages.assign(averages)
  trainer.prune(0.5)
  for name, kept in trainer.mask.items():
    assert np.abs(averages[name][~kept]).max(initial=0) <= np.abs(averages[name][kept]).min()


def test_outside_the_window_no_weight_returns(trainer):
  before = trainer.mask
  trainer.averages.assign({name: SEEDED.normal(size=np.shape(value)) for name, value in trainer.network.magnitudes().items()})
  assert trainer.prune(0.7, may_return=False)['returned'] == 0
  assert not any((kept & ~before[name]).any() for name, kept in trainer.mask.items())


def test_outside_the_window_no_weight_returns_to_layers_that_lost_units():
  trainer = tiny.trainer()
  trainer.prune(0.6)
  alive = {group.name: np.ones(group.units, bool) for group in trainer.groups}
  alive[trainer.groups[0].name][trainer.groups[0].units // 2 :] = False
  trainer.shrink(alive)
  before = trainer.mask
  assert trainer.prune(before.sparsity + 0.02, may_return=False)['returned'] == 0
  trainer.prune(before.sparsity - 0.02, may_return=False)
  assert all((trainer.mask[name] | ~kept).all() for name, kept in before.items()), 'what is kept stays where more are needed'


def test_another_sparsity_for_now_leaves_everything_as_it_was(trainer):
  before = trainer.state()
  with trainer.pruned_for_now(0.75) as mask:
    assert mask.zeros == trainer.mask.zeros == math.floor(0.75 * mask.size)
  tiny.same_state(before, trainer.state())


def test_after_the_final_pruning_the_mask_is_fixed_and_pruned_weights_are_zero(trainer):
  trainer.prune(0.6, final=True)
  mask, values = trainer.mask, trainer.values()
  tiny.train(trainer, 4, strength=0.01)
  after, averages = trainer.values(), trainer.averages.values()
  assert dict(trainer.mask).keys() == dict(mask).keys()
  for name, kept in mask.items():
    assert np.array_equal(trainer.mask[name], kept)
    assert not after[name][~kept].any() and not averages[name][~kept].any()
    assert not np.array_equal(after[name][kept], values[name][kept])


def test_the_final_pruning_changes_no_output(trainer):
  images = next(tiny.batches(trainer))[0]
  with trainer.pruned_for_now(0.6):
    raw = trainer.model(images, training=False).numpy()
    with averaging.swapped(trainer.variables, trainer.averages.values()):
      averaged = trainer.model(images, training=False).numpy()
  trainer.prune(0.6, final=True)
  np.testing.assert_allclose(trainer.model(images, training=False), raw, atol=1e-5)
  with averaging.swapped(trainer.variables, trainer.averages.values()):
    np.testing.assert_allclose(trainer.model(images, training=False), averaged, atol=1e-5)


@pytest.fixture(scope='module', params=['soft_threshold', 'masked', 'dense_gradient'])
def speck(request):
  """(a trainer of two blocks, half pruned, its state)."""
  trainer = tiny.trainer(tiny.SPECK, searching=False, reactivation=request.param, ema_decay=0.5)
  trainer.prune(0.5)
  return trainer, trainer.state()


def test_weights_pruned_at_one_event_are_kept_at_a_later_one(speck):
  trainer, state = speck
  trainer.restore(state)
  returned, masks = [], [trainer.mask]
  for _ in range(6):
    tiny.train(trainer, 4, learning_rate=0.2)
    returned.append(trainer.prune(0.6)['returned'])
    masks.append(trainer.mask)
  assert sum(returned) > 0, returned
  assert returned == [after.returned(before) for before, after in zip(masks, masks[1:])]


@pytest.mark.parametrize('speck', ['masked'], indirect=True)
def test_masked_weights_stay_bit_for_bit_until_the_next_ranking(speck):
  trainer, state = speck
  trainer.restore(state)
  before = trainer.values()
  tiny.train(trainer, 3)
  for name in prunable(trainer.model):
    kept = trainer.mask[name]
    assert np.array_equal(trainer.values()[name][~kept], before[name][~kept])
    assert not np.array_equal(trainer.values()[name][kept], before[name][kept])
