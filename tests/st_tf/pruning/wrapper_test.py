"""What a wrapped layer computes, and what a pruned weight does, in each semantics."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_model_optimization.python.core.sparsity.keras import prune
import tf_keras as keras

from st_tf.models.layers import GroupedConv2D
from st_tf.pruning import Constant, Cubic, Mask, RegrowthPruning, rank
from st_tf.pruning.fit import apply_ranking
from st_tf.pruning.ranking import thresholds
from st_tf.pruning.wrapper import (
  REACTIVATIONS,
  bake,
  current_mask,
  effective_values,
  get_state,
  harden,
  prunable,
  set_masks,
  set_state,
  wrappers,
)

SCHEDULE = Cubic(0.5, 0, 10, 1)
WEIGHTS = np.array([3.0, -1.0, 0.5, -2.0], np.float32)
NAME = 'dense/kernel'


def dense(reactivation, weights=WEIGHTS, damping=0.1, unit_slope=False):
  """One dense layer without bias from `len(weights)` inputs to one output."""
  layer = keras.layers.Dense(1, use_bias=False, name='dense')
  inputs = keras.Input([len(weights)])
  model = keras.Model(inputs, RegrowthPruning(layer, SCHEDULE, reactivation, damping, unit_slope)(inputs))
  layer.kernel.assign(weights[:, None])
  return model


def kernel(model):
  return prunable(model)[NAME][0].layer.kernel


def pruned(model, sparsity=0.5, final=False):
  """`model` after one ranking of its own weights."""
  magnitudes = {name: np.abs(wrapper.pruning_vars[index][0].numpy()) for name, (wrapper, index) in prunable(model).items()}
  mask = rank(magnitudes, sparsity)
  set_masks(model, mask, thresholds(magnitudes, mask), magnitudes, final)
  return model


def gradient(model, inputs):
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(model(inputs, training=True))
  return tape.gradient(loss, kernel(model)).numpy()[:, 0]


def convolutions(reactivation='soft_threshold'):
  """One of each kind of layer that can be wrapped, with biases that are never pruned."""
  keras.utils.set_random_seed(1)
  inputs = keras.Input([6, 6, 4])
  x = RegrowthPruning(keras.layers.Conv2D(6, 3, padding='same', name='conv'), SCHEDULE, reactivation)(inputs)
  x = RegrowthPruning(keras.layers.DepthwiseConv2D(3, name='depthwise'), SCHEDULE, reactivation)(x)
  x = RegrowthPruning(GroupedConv2D(4, 1, groups=2, name='grouped'), SCHEDULE, reactivation)(x)
  x = keras.layers.BatchNormalization()(x)
  x = keras.layers.GlobalAveragePooling2D()(keras.layers.Activation('relu')(x))
  return keras.Model(inputs, RegrowthPruning(keras.layers.Dense(3, name='dense'), SCHEDULE, reactivation)(x))


@pytest.fixture
def images():
  return np.random.default_rng(0).normal(size=(3, 6, 6, 4)).astype(np.float32)


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
def test_before_the_first_ranking_a_wrapped_layer_is_the_layer(reactivation):
  model = dense(reactivation)
  assert float(model(np.ones([1, 4], np.float32))[0, 0]) == 3 - 1 + 0.5 - 2
  assert gradient(model, np.array([[1.0, 2, 3, 4]])).tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize('reactivation', ['masked', 'dense_gradient'])
def test_pruned_weights_take_no_part_in_the_forward_pass(reactivation):
  model = pruned(dense(reactivation))
  assert float(model(np.ones([1, 4], np.float32))[0, 0]) == 3 - 2
  assert effective_values(model)[NAME][:, 0].tolist() == [3, 0, 0, -2]
  assert np.array_equal(kernel(model)[:, 0], WEIGHTS)


def test_masked_weights_get_no_gradient():
  assert gradient(pruned(dense('masked')), np.array([[1.0, 2, 3, 4]])).tolist() == [1, 0, 0, 4]


def test_the_dense_gradient_reaches_pruned_weights_damped():
  model = pruned(dense('dense_gradient', damping=0.25))
  assert gradient(model, np.array([[1.0, 2, 3, 4]])).tolist() == [1, 0.5, 0.75, 4]


def test_the_soft_threshold_by_hand_on_four_numbers():
  model = pruned(dense('soft_threshold'))
  # t = 1: what is left of 3 and -2 is 2 and -1, rescaled by 5 / 3 to the kept weights' mean magnitude.
  np.testing.assert_allclose(effective_values(model)[NAME][:, 0], [10 / 3, 0, 0, -5 / 3], rtol=1e-6)
  assert np.mean(np.abs(effective_values(model)[NAME][[0, 3]])) == pytest.approx(np.mean([3, 2]))
  assert float(model(np.ones([1, 4], np.float32))[0, 0]) == pytest.approx(5 / 3)


def test_what_is_left_hardly_above_the_threshold_is_not_blown_up():
  # t = 2.999: 0.001 is left of 3, which keeping its magnitude would mean to multiply by 3,000.
  model = pruned(dense('soft_threshold', np.array([3.0, -2.999, 0.5, -2.0], np.float32)), 0.75)
  np.testing.assert_allclose(effective_values(model)[NAME][:, 0], [0.01, 0, 0, 0], rtol=1e-3)


def test_the_soft_threshold_s_gradient_is_straight_through_for_every_weight():
  assert gradient(pruned(dense('soft_threshold')), np.array([[1.0, 2, 3, 4]])).tolist() == [1, 2, 3, 4]


def test_with_unit_slopes_gradients_fall_with_the_size_of_the_unit():
  # Kept are 3 and -2 with the threshold 1, whose mean is kept by a rescaling of 5 / 3: 10 / 3 and -5 / 3, larger in all than before.
  inputs = np.array([[1.0, 2, 3, 4]], np.float32)
  assert gradient(pruned(dense('soft_threshold', unit_slope=True)), inputs).tolist() == [1, 2, 3, 4]
  # Of two units the second is only just above the threshold.
  layer = keras.layers.Dense(3, use_bias=False, name='dense')
  model = keras.Model(inputs := keras.Input([2]), RegrowthPruning(layer, SCHEDULE, unit_slope=True)(inputs))
  layer.kernel.assign([[4.0, 1.1, 0.5], [-3.0, 0.2, 1.0]])
  pruned(model)
  effective = effective_values(model)[NAME]
  scale = (4 + 3 + 1.1) / (3 + 2 + 0.1)
  np.testing.assert_allclose(effective, [[3 * scale, 0.1 * scale, 0], [-2 * scale, 0, 0]], rtol=1e-5)
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(model(np.array([[1.0, 2.0]], np.float32), training=True))
  found = tape.gradient(loss, layer.kernel).numpy()
  first, second = scale * 13**0.5 / 5, scale * 0.1 / 1.1
  assert first > 1 > second
  # The last unit has nothing left: it gets the least there is, by which it can still come back.
  np.testing.assert_allclose(found, np.array([[1.0], [2.0]]) * [1, second, 0.03], rtol=1e-5)


def test_unit_slopes_spare_weights_under_a_final_mask_and_other_reactivations():
  assert gradient(pruned(dense('masked', unit_slope=True)), np.array([[1.0, 2, 3, 4]])).tolist() == [1, 0, 0, 4]
  model = pruned(dense('soft_threshold', unit_slope=True), final=True)
  bake(model)
  np.testing.assert_allclose(gradient(model, np.array([[1.0, 2, 3, 4]])), [1, 0, 0, 4], rtol=1e-6)


def test_the_units_of_a_depthwise_convolution_are_its_channels():
  layer = keras.layers.DepthwiseConv2D(2, use_bias=False, name='depthwise')
  model = keras.Model(inputs := keras.Input([2, 2, 2]), RegrowthPruning(layer, SCHEDULE, unit_slope=True)(inputs))
  layer.depthwise_kernel.assign(np.array([[[4.0, 1.1], [3.0, 0.1]], [[0.2, 0.3], [2.0, 1.0]]])[..., None])
  pruned(model)
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(model(np.ones([1, 2, 2, 2], np.float32), training=True))
  found = tape.gradient(loss, layer.depthwise_kernel).numpy()[..., 0]
  scale = (4 + 3 + 2 + 1.1) / (3 + 2 + 1 + 0.1)
  np.testing.assert_allclose(found, np.ones([2, 2, 1]) * [1, scale * 0.1 / 1.1], rtol=1e-5)


def test_a_weight_that_grows_past_the_threshold_enters_at_zero_and_continuously():
  model = pruned(dense('soft_threshold'))
  entered = []
  for value in (0.9, 1.0, 1.0001, 1.3):
    kernel(model).assign([[3.0], [-value], [0.5], [-2.0]])
    entered.append(float(effective_values(model)[NAME][1, 0]))
  assert entered[:2] == [0, 0]
  assert entered[2:] == pytest.approx([-0.0001 * 5 / 3, -0.3 * 5 / 3], rel=1e-2)


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
def test_under_a_final_mask_pruned_weights_get_no_gradient_and_stay_out(reactivation):
  model = pruned(dense(reactivation), final=True)
  assert gradient(model, np.array([[1.0, 2, 3, 4]])).tolist() == [1, 0, 0, 4]
  kernel(model).assign([[3.0], [-9.0], [0.5], [-2.0]])
  assert effective_values(model)[NAME][1, 0] == 0


def settle_after_a_step(model, value):
  wrapper = wrappers(model)[0]
  before = [tf.identity(weight) for weight, _, _ in wrapper.pruning_vars]
  kernel(model).assign(np.array(value, np.float32)[:, None])
  wrapper.settle(before)
  return kernel(model).numpy()[:, 0].tolist()


def test_settling_puts_frozen_weights_back_and_leaves_the_others():
  assert settle_after_a_step(pruned(dense('masked')), [4, 4, 4, 4]) == [4, -1, 0.5, 4]
  assert settle_after_a_step(pruned(dense('soft_threshold')), [4, 4, 4, 4]) == [4, 4, 4, 4]
  assert settle_after_a_step(pruned(dense('soft_threshold'), final=True), [4, 4, 4, 4]) == [4, -1, 0.5, 4]


def test_settling_bounds_what_grows_under_the_dense_gradient_to_two_thresholds():
  assert settle_after_a_step(pruned(dense('dense_gradient')), [9, 1.5, -9, -9]) == [9, 1.5, -2, -9]


def train(model, optimizer, steps, seed=0):
  """Steps of a plain loop on random data."""
  rng = np.random.default_rng(seed)
  for _ in range(steps):
    before = [[tf.identity(weight) for weight, _, _ in wrapper.pruning_vars] for wrapper in wrappers(model)]
    images, labels = rng.normal(size=(8, 6, 6, 4)).astype(np.float32), rng.integers(0, 3, 8)
    with tf.GradientTape() as tape:
      loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(labels, model(images, training=True), from_logits=True))
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    for wrapper, values in zip(wrappers(model), before):
      wrapper.settle(values)
  return float(loss)


def test_masked_weights_are_frozen_bit_for_bit_though_momentum_and_weight_decay_are_on():
  model = convolutions('masked')
  optimizer = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=1e-2)
  train(model, optimizer, 3)
  apply_ranking(model, 0.6, 'global', 0.01)
  mask, before = current_mask(model), {name: wrapper.pruning_vars[index][0].numpy() for name, (wrapper, index) in prunable(model).items()}
  train(model, optimizer, 3)
  for name, (wrapper, index) in prunable(model).items():
    after = wrapper.pruning_vars[index][0].numpy()
    assert np.array_equal(after[~mask[name]], before[name][~mask[name]])
    assert not np.array_equal(after[mask[name]], before[name][mask[name]])
  assert all(np.any(before[name][~mask[name]]) for name in mask)


def test_variables_are_the_same_objects_before_and_after_a_call(images):
  model = convolutions()
  before = [id(variable) for variable in model.trainable_variables]
  layer = wrappers(model)[0].layer
  held = layer.kernel
  model(images, training=True)
  tf.function(lambda: model(images, training=True))()
  assert [id(variable) for variable in model.trainable_variables] == before
  assert layer.kernel is held and isinstance(held, tf.Variable)


def test_an_error_inside_a_call_leaves_the_layer_s_variables_in_place():
  model = dense('masked')
  wrapper = wrappers(model)[0]
  held = wrapper.layer.kernel
  with pytest.raises((tf.errors.InvalidArgumentError, ValueError)):
    wrapper.call(tf.ones([1, 7]))
  assert wrapper.layer.kernel is held


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
def test_evaluation_changes_nothing(reactivation, images):
  model = convolutions(reactivation)
  apply_ranking(model, 0.5, 'global', 0.01)
  before = [variable.numpy() for variable in model.variables]
  first = model(images, training=False).numpy()
  np.testing.assert_allclose(model.predict(images, verbose=0), first, rtol=1e-5, atol=1e-6)
  assert np.array_equal(first, model(images, training=False))
  assert all(np.array_equal(old, variable) for old, variable in zip(before, model.variables))


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
def test_stripping_after_baking_changes_no_output_bit(reactivation, images):
  model = convolutions(reactivation)
  apply_ranking(model, 0.7, 'global', 0.01, closed=True)
  bake(model)
  outputs, mask = model(images).numpy(), current_mask(model)
  plain = prune.strip_pruning(model)
  assert not any(isinstance(layer, keras.layers.Wrapper) for layer in plain.layers)
  assert np.array_equal(plain(images), outputs)
  depthwise = plain.get_layer('depthwise').depthwise_kernel.numpy()
  assert np.count_nonzero(depthwise == 0) == np.count_nonzero(~mask['depthwise/depthwise_kernel']) > 0


def test_baking_leaves_the_function_and_makes_the_zeros_real(images):
  model = pruned(convolutions(), 0.6, final=True)
  outputs = model(images).numpy()
  bake(model)
  np.testing.assert_allclose(model(images), outputs, rtol=1e-6, atol=1e-7)
  zeros = sum(int(np.count_nonzero(wrapper.pruning_vars[index][0] == 0)) for wrapper, index in prunable(model).values())
  assert zeros == current_mask(model).zeros
  again = model(images).numpy()
  bake(model)
  assert np.array_equal(model(images), again)


def test_hardening_makes_thresholds_into_plain_masks():
  model = pruned(dense('soft_threshold'), final=True)
  harden(model)
  assert effective_values(model)[NAME][:, 0].tolist() == [3, 0, 0, -2]


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
def test_masks_change_without_a_new_trace(reactivation, images):
  model, traces = convolutions(reactivation), []

  @tf.function
  def outputs():
    traces.append(1)
    return model(images, training=False)

  results = []
  for sparsity in (0.2, 0.5, 0.8):
    apply_ranking(model, sparsity, 'global', 0.01)
    results.append(outputs().numpy())
    np.testing.assert_allclose(results[-1], model(images), rtol=1e-5, atol=1e-6)
  assert len(traces) == 1 and not np.allclose(results[0], results[2])


def test_the_state_of_all_wrappers_can_be_put_back(images):
  model = convolutions()
  apply_ranking(model, 0.4, 'global', 0.01)
  state, outputs = get_state(model), model(images).numpy()
  assert set(state) == {'mask', 'threshold', 'scale', 'open', 'step'} and not state['step']
  assert set(state['mask']) == {'conv/kernel', 'depthwise/depthwise_kernel', 'grouped/kernel', 'dense/kernel'}
  pruned(model, 0.9, final=True)
  assert not np.allclose(model(images), outputs)
  set_state(model, state)
  assert np.array_equal(model(images), outputs)


def test_a_keras_file_keeps_class_schedule_and_masks(tmp_path, images):
  model = convolutions('dense_gradient')
  for wrapper in wrappers(model):
    wrapper.damping, wrapper.unit_slope = 0.3, True
  apply_ranking(model, 0.5, 'global', 0.01)
  model.save(tmp_path / 'model.keras')
  again = keras.models.load_model(tmp_path / 'model.keras')
  assert np.array_equal(again(images), model(images))
  for wrapper in wrappers(again):
    assert type(wrapper.pruning_schedule) is Cubic and vars(wrapper.pruning_schedule) == vars(SCHEDULE)
    assert (wrapper.reactivation, wrapper.damping, wrapper.unit_slope) == ('dense_gradient', 0.3, True)
  assert len(wrappers(again)) == 4
  assert all(np.array_equal(value, current_mask(again)[name]) for name, value in current_mask(model).items())


def test_a_stock_schedule_survives_a_keras_file(tmp_path):
  from tensorflow_model_optimization.python.core.sparsity.keras.pruning_schedule import PolynomialDecay

  layer = RegrowthPruning(keras.layers.Dense(2), PolynomialDecay(0.1, 0.8, 0, 20, frequency=4))
  model = keras.Sequential([keras.Input([3]), layer])
  model.save(tmp_path / 'model.keras')
  schedule = wrappers(keras.models.load_model(tmp_path / 'model.keras'))[0].pruning_schedule
  assert type(schedule) is PolynomialDecay and vars(schedule) == vars(layer.pruning_schedule)


def test_masks_may_be_set_from_elsewhere():
  model = dense('masked')
  mask = Mask({NAME: np.array([[True], [True], [False], [False]])})
  set_masks(model, mask, {NAME: 0.0}, {NAME: np.abs(WEIGHTS)[:, None]}, final=True)
  assert effective_values(model)[NAME][:, 0].tolist() == [3, -1, 0, 0] and current_mask(model).zeros == 2


def test_an_unknown_reactivation_is_refused():
  with pytest.raises(ValueError, match="soft_threshold, masked, dense_gradient. Received: 'soft'"):
    RegrowthPruning(keras.layers.Dense(2), Constant(0.5, 0, 1, 1), 'soft')
