"""One training step of a two-block network, by hand."""

import contextlib
import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from st_tf.task import DataConfig
from st_tf.training import step
from tests import tiny

RATE, STRENGTH, DECAY = 0.1, 2.0, 3.0


class Silent(type(tiny.task())):
  """A task that says nothing: every gradient is zero."""

  def loss(self, targets, outputs, label_smoothing=0.0):
    return 0.0 * tf.reduce_sum(outputs, -1)


def silent() -> Silent:
  task = tiny.load('', DataConfig())
  task.__class__ = Silent
  return task


@functools.cache
def _fresh(**settings):
  trainer = tiny.trainer(tiny.SPECK, pruned=False, **settings)
  return trainer, trainer.state()


SILENT = silent()


def fresh(**settings):
  """A trainer as if it were new: those of the same settings are one, which has been traced but once."""
  trainer, state = _fresh(**settings)
  trainer.restore(state)
  return trainer


def stepped(count: int = 1, strength: float = 0.0, **settings):
  """(trainer, its trainable values before, after `count` steps)."""
  settings = {'momentum': 0.0, 'weight_decay': 0.0, 'ema_decay': 0.0, 'label_smoothing': 0.0} | settings
  trainer = fresh(**settings)
  before = {name: variable.numpy() for name, variable in trainer.trainable.items()}
  tiny.train(trainer, count, RATE, strength)
  return trainer, before, {name: variable.numpy() for name, variable in trainer.trainable.items()}


def kernels(values) -> set[str]:
  return {name for name in values if name.endswith(('/kernel', '/depthwise_kernel'))}


@pytest.mark.parametrize('optimizer', ['sgd', 'rmsprop', 'adamw'])
def test_weight_decay_acts_on_kernels_and_never_on_factors_batch_norms_and_biases(optimizer):
  _, before, after = stepped(on=SILENT, optimizer=optimizer, weight_decay=DECAY)
  for name, value in before.items():
    if name not in kernels(before):
      assert np.array_equal(after[name], value), name
    elif optimizer == 'rmsprop':
      gradient = DECAY * value
      np.testing.assert_allclose(after[name], value - RATE * gradient / np.sqrt(0.1 * gradient**2 + 1e-3), rtol=1e-4, atol=1e-6)
    else:
      np.testing.assert_allclose(after[name], value * (1 - RATE * DECAY), rtol=1e-5, atol=1e-7)
  assert {'gamma', 'beta', 'bias'} <= {name.rsplit('/', 1)[-1] for name in set(before) - kernels(before)}


def test_the_proximal_step_shortens_factors_by_rate_times_strength_times_penalty():
  trainer, before, after = stepped(on=SILENT, strength=STRENGTH)
  penalties = trainer.penalties()
  for group in trainer.groups:
    np.testing.assert_allclose(after[group.factor], 1 - RATE * STRENGTH * penalties[group.name], rtol=1e-6)
  factors = {group.factor for group in trainer.groups}
  assert all(np.array_equal(after[name], value) for name, value in before.items() if name not in factors)


def test_the_proximal_step_makes_factors_exactly_zero_where_they_stay():
  trainer, _, _ = stepped(on=SILENT, strength=STRENGTH)
  factor = trainer.variables[trainer.groups[0].factor]
  factor.assign(tf.concat([[0.05, -0.05, 0.0], factor[3:]], 0))
  for _ in range(3):
    tiny.train(trainer, 1, RATE, STRENGTH)
    assert not factor.numpy()[:3].any()
  assert factor.numpy()[3:].all()


@pytest.mark.parametrize('optimizer', ['sgd', 'rmsprop', 'adamw'])
def test_factors_become_exactly_zero_with_every_optimizer_on_a_real_loss(optimizer):
  trainer, _, _ = stepped(4, strength=20.0, optimizer=optimizer, momentum=0.9)
  assert not any(value.any() for value in trainer.factors().values())


def test_the_subgradient_is_an_option():
  trainer, _, after = stepped(on=SILENT, strength=STRENGTH, factor_step='subgradient')
  penalties = trainer.penalties()
  for group in trainer.groups:
    np.testing.assert_allclose(after[group.factor], 1 - RATE * STRENGTH * penalties[group.name], rtol=1e-6)
  factor = trainer.variables[trainer.groups[0].factor]
  factor.assign(tf.concat([[0.01, 0.0], factor[2:]], 0))
  tiny.train(trainer, 1, RATE, STRENGTH)
  overshot = 0.01 - RATE * STRENGTH * penalties[trainer.groups[0].name]
  np.testing.assert_allclose(factor.numpy()[:2], [overshot, 0], rtol=1e-5, err_msg='it passes zero, as subgradients do')


def test_a_rate_of_their_own_lengthens_the_steps_of_factors_alone():
  trainer, before, once = stepped(optimizer='adamw')  # Of which the first steps have a size that shows.
  _, _, after = stepped(optimizer='adamw', factor_rate=4.0)
  factors = {group.factor for group in trainer.groups}
  for name, value in before.items():
    np.testing.assert_allclose(after[name] - value, (4 if name in factors else 1) * (once[name] - value), rtol=1e-3, atol=1e-6)
  assert all(np.abs(once[name] - before[name]).max() > 1e-3 for name in factors)


def test_a_rate_of_their_own_lengthens_the_steps_of_the_penalty():
  trainer, _, after = stepped(on=SILENT, strength=STRENGTH, factor_rate=4.0)
  for group in trainer.groups:
    np.testing.assert_allclose(after[group.factor], 1 - 4 * RATE * STRENGTH * trainer.penalties()[group.name], rtol=1e-5)


def test_without_search_no_factor_is_pushed():
  _, before, after = stepped(on=SILENT, strength=STRENGTH, searching=False)
  assert all(np.array_equal(after[name], value) for name, value in before.items())


def expected_step(trainer, images, targets, smoothing: float, decay: float, clip: float):
  """(loss, values) after one plain gradient step, worked out here."""
  variables = trainer.trainable
  with tf.GradientTape() as tape:
    logits = tf.nn.log_softmax(trainer.model(images, training=True))
    smooth = targets * (1 - smoothing) + smoothing / 3
    loss = -tf.reduce_mean(tf.reduce_sum(smooth * logits, -1))
  gradients = dict(zip(variables, (gradient.numpy() for gradient in tape.gradient(loss, list(variables.values())))))
  gradients = {name: value + (decay * variables[name].numpy() if name in kernels(gradients) else 0) for name, value in gradients.items()}
  norm = np.sqrt(sum(np.sum(np.square(value, dtype=np.float64)) for value in gradients.values()))
  factor = min(1.0, clip / norm) if clip else 1.0
  return float(loss), {name: variables[name].numpy() - RATE * factor * value for name, value in gradients.items()}, norm


@pytest.mark.parametrize(('smoothing', 'decay', 'clip'), [(0.0, 0.0, 0.0), (0.2, 0.05, 0.0), (0.1, 0.01, 0.05)])
def test_a_step_is_the_gradient_of_smoothed_loss_and_decay_clipped(smoothing, decay, clip):
  settings = {'momentum': 0.0, 'ema_decay': 0.0, 'label_smoothing': smoothing, 'weight_decay': decay, 'gradient_clip': clip}
  trainer = fresh(**settings)
  images, targets = next(tiny.batches(trainer))
  loss, values, norm = expected_step(trainer, images, targets, smoothing, decay, clip)
  assert not clip or norm > clip, 'the clip acts'
  found, outputs = trainer.train(images, targets, RATE, 0.0)
  assert float(found) == pytest.approx(loss, rel=1e-5)
  assert outputs.shape == (tiny.BATCH, 3)
  for name, value in values.items():
    np.testing.assert_allclose(trainer.values()[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


@pytest.mark.parametrize('optimizer', ['rmsprop', 'adamw'])
def test_neither_momentum_nor_decay_moves_frozen_weights(optimizer):
  trainer = tiny.trainer(tiny.SPECK, optimizer=optimizer, reactivation='masked', weight_decay=0.1, learning_rate=0.01)
  tiny.train(trainer, 2, 0.01)
  trainer.prune(0.5)
  before = trainer.values()
  tiny.train(trainer, 2, 0.01)
  for name, kept in trainer.mask.items():
    assert np.array_equal(trainer.values()[name][~kept], before[name][~kept])
    assert not np.array_equal(trainer.values()[name][kept], before[name][kept])


def test_averages_are_updated_after_the_step_with_the_decay_of_that_step():
  trainer = tiny.trainer(tiny.SPECK, pruned=False, ema_decay=0.9999)
  before = trainer.averages.values()
  tiny.train(trainer, 1)
  for name, average in trainer.averages.values().items():
    np.testing.assert_allclose(average, 0.1 * before[name] + 0.9 * trainer.values()[name], rtol=1e-5, atol=1e-6)


def test_a_new_learning_rate_or_strength_needs_no_new_trace():
  trainer, _, _ = stepped(2)
  tiny.train(trainer, 1, 0.05, 0.01)
  assert trainer.traces == 1


def test_steps_that_round_go_on_from_a_state_bit_for_bit_and_keep_zeros():
  trainer = tiny.trainer(tiny.SPECK)
  tiny.train(trainer, 1)
  trainer.prune(0.5, final=True)
  between = trainer.state()

  def ended(rounds: bool):
    for images, targets in list(tiny.batches(trainer))[:2]:
      trainer.train(images, targets, RATE, 0.0, rounds)
    return trainer.state()

  first = ended(True)
  trainer.restore(between)
  plain = ended(False)
  trainer.restore(between)
  tiny.same_state(ended(True), first)
  assert trainer.traces == 2, 'one with rounding and one without'
  for name, kept in trainer.mask.items():
    assert not trainer.values()[name][~kept].any()
    assert not np.array_equal(first.arrays[f'value/{name}'], plain.arrays[f'value/{name}'])


def test_a_step_is_taken_as_it_is_written_and_to_the_same_weights(monkeypatch):
  seen, original = [], step.as_written

  def watched():
    seen.append(tf.config.optimizer.get_experimental_options())
    return contextlib.nullcontext()

  found = []
  for around in (original, watched):
    monkeypatch.setattr(step, 'as_written', around)
    trainer = tiny.trainer(tiny.SPECK, momentum=0.9)
    tiny.train(trainer, 2, RATE, STRENGTH)
    found.append(trainer.values())
  assert len(seen) == 2 and not any(options.get('disable_meta_optimizer') for options in seen), 'what follows a step is as it was'
  for name, value in found[0].items():
    np.testing.assert_allclose(found[1][name], value, atol=1e-6 * max(1, np.abs(value).max()), err_msg=name)
  with pytest.raises(KeyError), original():
    assert tf.config.optimizer.get_experimental_options()['disable_meta_optimizer']
    raise KeyError
  assert not tf.config.optimizer.get_experimental_options().get('disable_meta_optimizer')


@pytest.mark.parametrize('precision', ['mixed_bfloat16', 'mixed_float16'])
def test_half_precision_trains_whole_variables_under_whole_masks(precision):
  whole, half = (tiny.trainer(tiny.SPECK, precision=name, seed=1) for name in ('float32', precision))
  for trainer in (whole, half):
    trainer.prune(0.5)
  assert all(np.array_equal(kept, half.mask[name]) for name, kept in whole.mask.items()), 'of equal weights'
  first, second = (tiny.train(trainer, 4, 0.05, 0.0) for trainer in (whole, half))
  np.testing.assert_allclose(second, first, rtol=0.05)
  assert all(variable.dtype == tf.float32 for variable in half.trainable.values())
  found = half.prune(0.7)
  assert found['sparsity'] == pytest.approx(0.7, abs=0.01)
  assert {value.dtype for value in half.network.magnitudes().values()} == {np.dtype(np.float32)}


# Without dropout, whose noise is another under XLA.
@pytest.mark.parametrize('arch', [tiny.SPECK, pytest.param(dataclasses.replace(tiny.ARCH, dropout=0.0), marks=pytest.mark.slow)])
def test_what_xla_compiles_does_the_same_step(arch):
  plain, compiled = (tiny.trainer(arch, xla=xla, seed=1) for xla in (False, True))
  for trainer in (plain, compiled):
    trainer.prune(0.5)
    tiny.train(trainer, 2, 0.05, 0.001)
  for name, value in plain.values().items():
    np.testing.assert_allclose(compiled.values()[name], value, rtol=1e-3, atol=1e-5, err_msg=name)


def test_the_trace_of_a_step_never_leaves_the_device():
  trainer = tiny.trainer(tiny.SPECK)
  images, targets = next(tiny.batches(trainer))
  scalars = [tf.constant(value, tf.float32) for value in (RATE, STRENGTH, 0.5)]
  trace = trainer._training_step._function.get_concrete_function(images, targets, *scalars, False)
  found = {operation.type for operation in trace.graph.get_operations()}
  assert 'Conv2D' in found, 'the whole step is there'
  assert not [kind for kind in found if kind.startswith(('PyFunc', 'EagerPyFunc', 'Print', 'String', 'Host', 'Save', 'WriteFile', '_Host'))]
  assert all('device:CPU' not in operation.device for operation in trace.graph.get_operations()), 'nothing is bound to the host'
