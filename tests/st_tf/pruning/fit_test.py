"""Regrowth on ordinary models in an ordinary `fit`."""

import math

import numpy as np
import pytest
from tensorflow_model_optimization.python.core.sparsity.keras import prune
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_schedule import ConstantSparsity, PolynomialDecay
import tf_keras as keras

from st_tf.arch.specs import HeadSpec
from st_tf.models import cost
from st_tf.pruning import Constant, Cubic, OneShot, Regrowth, RegrowthPruning, Stepwise, wrap
from st_tf.pruning.fit import is_closed, is_last, macs_per_weight, may_return
from st_tf.pruning.wrapper import REACTIVATIONS, current_mask, get_state, prunable, wrappers

BATCHES = 6  # per epoch
HEAD = HeadSpec('classification', 3)


def functional():
  """A residual network with everything that a wrapper meets."""
  keras.utils.set_random_seed(1)
  inputs = keras.Input([6, 6, 3])
  x = keras.layers.Conv2D(8, 3, padding='same', activation='relu', name='first')(inputs)
  y = keras.layers.DepthwiseConv2D(3, padding='same', name='depthwise')(x)
  y = keras.layers.BatchNormalization()(keras.layers.Conv2D(8, 1, name='second')(y))
  x = keras.layers.GlobalAveragePooling2D()(keras.layers.Add()([x, y]))
  return keras.Model(inputs, keras.layers.Dense(3, name='dense')(x))


def sequential():
  keras.utils.set_random_seed(1)
  return keras.Sequential(
    [
      keras.layers.Conv1D(8, 3, activation='relu', name='first', input_shape=(36, 3)),
      keras.layers.Flatten(),
      keras.layers.Dropout(0.1),
      keras.layers.Dense(3, name='dense'),
    ]
  )


@pytest.fixture(scope='module')
def data():
  rng = np.random.default_rng(0)
  labels = np.arange(8 * BATCHES) % 3
  images = rng.normal(size=(len(labels), 6, 6, 3)).astype(np.float32)
  images[np.arange(len(labels)), :, :, labels] += 1
  return images, labels


class Watcher(keras.callbacks.Callback):
  """What there is after each batch's ranking, if there is one."""

  def __init__(self):
    super().__init__()
    self.masks, self.states, self.largest, self.losses, self.weights = [], [], [], [], []

  def on_train_batch_begin(self, batch, logs=None):
    self.masks.append(current_mask(self.model))
    self.states.append(get_state(self.model))
    self.weights.append(self._weights())

  def on_train_batch_end(self, batch, logs=None):
    self.losses.append(logs['loss'])

  def _weights(self):
    return {name: wrapper.pruning_vars[index][0].numpy() for name, (wrapper, index) in prunable(self.model).items()}


def fit(model, data, epochs=4, optimizer=None, regrowth=None):
  watcher = Watcher()
  optimizer = optimizer or keras.optimizers.SGD(0.1, momentum=0.9)
  model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
  images = data[0].reshape(len(data[0]), *model.input_shape[1:])
  model.fit(images, data[1], batch_size=8, epochs=epochs, verbose=0, callbacks=[regrowth or Regrowth(), watcher])
  return watcher


def zeros(model):
  return sum(int(np.count_nonzero(wrapper.pruning_vars[index][0].numpy() == 0)) for wrapper, index in prunable(model).values())


@pytest.mark.parametrize('make', [functional, sequential])
def test_wrapping_takes_the_weights_over_and_leaves_the_original_alone(make, data):
  model = make()
  images = data[0].reshape(len(data[0]), *model.input_shape[1:])
  before = [value.copy() for value in model.get_weights()]
  wrapped = wrap(model, Cubic(0.8, 0, 10, 2))
  assert np.array_equal(wrapped(images), model(images))
  wrapped.trainable_variables[0].assign_add(wrapped.trainable_variables[0])
  assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights()))


def test_convolutions_and_dense_layers_are_wrapped_and_depthwise_ones_when_asked_for():
  model, schedule = functional(), Cubic(0.8, 0, 10, 2)
  assert [wrapper.layer.name for wrapper in wrappers(wrap(model, schedule))] == ['first', 'second', 'dense']
  every = wrap(model, schedule, skip=lambda layer: layer.name == 'dense')
  assert [wrapper.layer.name for wrapper in wrappers(every)] == ['first', 'depthwise', 'second']
  assert [wrapper.layer.name for wrapper in wrappers(wrap(sequential(), schedule))] == ['first', 'dense']


def test_steps_of_thin_units_are_held_back_when_asked_for():
  for unit_slope in (False, True):
    found = wrappers(wrap(functional(), Cubic(0.8, 0, 10, 2), unit_slope=unit_slope))
    assert found and all(wrapper.unit_slope is unit_slope for wrapper in found)


def test_a_wrapped_model_is_not_wrapped_twice():
  with pytest.raises(ValueError, match='A model is wrapped once. Received: one with pruning wrappers. Apply strip_pruning first'):
    wrap(wrap(functional(), Cubic(0.8, 0, 10, 2)), Cubic(0.8, 0, 10, 2))


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
@pytest.mark.parametrize('make', [functional, sequential])
def test_training_ends_with_exactly_the_requested_sparsity_in_a_plain_model(make, reactivation, data):
  model = wrap(make(), Cubic(0.83, 3, 20, 4), reactivation)
  fit(model, data)
  size = current_mask(model).size
  assert zeros(model) == current_mask(model).zeros == math.floor(0.83 * size)
  images = data[0].reshape(len(data[0]), *model.input_shape[1:])
  plain = prune.strip_pruning(model)
  assert np.array_equal(plain(images), model(images))
  assert not any(isinstance(layer, RegrowthPruning) for layer in plain.layers)


@pytest.mark.parametrize(
  'schedule',
  [PolynomialDecay(0.2, 0.8, 2, 20, frequency=5), PolynomialDecay(0.0, 0.9, 0, 12, power=1, frequency=3), ConstantSparsity(0.6, 4, -1, 7)],
)
def test_a_stock_schedule_gives_exactly_its_own_sparsity_curve(schedule, data):
  model = wrap(functional(), schedule)
  watcher, size = fit(model, data), current_mask(model).size
  expected, now = [], 0
  for step in range(4 * BATCHES):
    due, sparsity = schedule(step)
    now = math.floor(float(sparsity) * size + 1e-9) if bool(due) else now
    expected.append(now)
  assert [mask.zeros for mask in watcher.masks] == expected
  assert len(set(expected)) > 1 and current_mask(model).zeros == zeros(model) == expected[-1]


@pytest.mark.parametrize('schedule', [Stepwise(0.7, 2, 20, 3), OneShot(0.7, 0, 15, 5), Constant(0.7, 4, 16, 6)])
def test_our_schedules_are_followed_too(schedule, data):
  model = wrap(functional(), schedule, 'masked')
  watcher = fit(model, data)
  for step, mask in enumerate(watcher.masks):
    if schedule.is_event(step):
      assert mask.zeros == math.floor(schedule.sparsity_at(step) * mask.size + 1e-9)


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
def test_weights_that_one_event_prunes_are_kept_by_a_later_one(reactivation, data):
  model = wrap(functional(), Constant(0.7, 0, 20, 4), reactivation)
  watcher = fit(model, data, optimizer=keras.optimizers.SGD(0.3, momentum=0.9))
  returned = [after.returned(before) for before, after in zip(watcher.masks, watcher.masks[1:])]
  assert sum(returned) > 0
  assert all(count == 0 or step + 1 in (4, 8, 12, 16, 20) for step, count in enumerate(returned))
  assert all(mask.zeros == watcher.masks[0].zeros for mask in watcher.masks)


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
def test_outside_the_reactivation_windows_a_mask_only_shrinks_and_nothing_moves_under_it(reactivation, data):
  schedule = Cubic(0.9, 0, 20, 2, ((0, 6),))
  watcher = fit(wrap(functional(), schedule, reactivation), data, optimizer=keras.optimizers.SGD(0.3, momentum=0.9))
  for step in range(6, 23):
    before, after = watcher.masks[step], watcher.masks[step + 1]
    assert step < 7 or after.returned(before) == 0
    for name, kept in before.items():
      # The weights themselves, from one ranking to just before the next; the last of all makes them zero.
      if step < 19:
        assert np.array_equal(watcher.weights[step][name][~kept], watcher.weights[step + 1][name][~kept])
  assert watcher.masks[6].zeros < watcher.masks[-1].zeros


def test_a_closed_window_opens_again():
  schedule = Cubic(0.9, 0, 40, 10, ((0, 10), (30, 40)))
  assert [is_closed(schedule, step) for step in (0, 10, 20, 30, 40)] == [False, True, False, False, False]
  assert not is_closed(PolynomialDecay(0.0, 0.5, 0, 10), 5) and may_return(PolynomialDecay(0.0, 0.5, 0, 10), 5)
  assert [is_last(schedule, step) for step in (39, 40, 41)] == [False, True, True]
  assert not is_last(ConstantSparsity(0.5, 0, -1), 1000)


def test_without_any_window_a_pruned_weight_is_gone_for_good(data):
  watcher = fit(wrap(functional(), Cubic(0.9, 0, 20, 2, ())), data, optimizer=keras.optimizers.SGD(0.3, momentum=0.9))
  assert sum(after.returned(before) for before, after in zip(watcher.masks, watcher.masks[1:])) == 0


def test_the_dense_gradient_is_bounded_and_stable_at_98_percent(data):
  model = wrap(functional(), Constant(0.98, 2, 200, 4), 'dense_gradient')
  watcher = fit(model, data, epochs=12)
  for weights, state in zip(watcher.weights[3:], watcher.states[3:]):
    for name, value in weights.items():
      pruned = np.abs(value[state['mask'][name] == 0])
      assert pruned.max(initial=0) <= 2 * state['threshold'][name] * (1 + 1e-6)
  assert np.isfinite(watcher.losses).all() and np.mean(watcher.losses[-BATCHES:]) < watcher.losses[0]
  assert zeros(model) == current_mask(model).zeros == math.floor(0.98 * current_mask(model).size)


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
def test_frozen_weights_stay_bit_for_bit_under_momentum_and_weight_decay(reactivation, data):
  model = wrap(functional(), OneShot(0.6, 4, 4, 1), reactivation)
  watcher = fit(model, data, optimizer=keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=1e-2))
  mask, weights = watcher.masks[4], watcher.weights[4]
  for name, (wrapper, index) in prunable(model).items():
    after = wrapper.pruning_vars[index][0].numpy()
    assert not after[~mask[name]].any() and not np.array_equal(after[mask[name]], weights[name][mask[name]])


def test_a_schedule_that_outlasts_training_still_ends_in_a_plain_model(data):
  model = wrap(functional(), Cubic(0.9, 0, 1000, 5))
  watcher = fit(model, data)
  outputs = model(data[0]).numpy()
  assert zeros(model) == current_mask(model).zeros == watcher.masks[-1].zeros > 0
  assert np.array_equal(prune.strip_pruning(model)(data[0]), outputs)


@pytest.mark.parametrize('ranking', ['layer', 'erk'])
def test_other_rankings_and_floors_are_a_matter_of_the_callback(ranking, data):
  model = wrap(functional(), OneShot(0.75, 2, 2, 1))
  fit(model, data, epochs=1, regrowth=Regrowth(ranking, floor=0.2))
  mask = current_mask(model)
  assert mask.zeros == math.floor(0.75 * mask.size)
  assert all(np.mean(kept) >= 0.2 for kept in mask.values())
  if ranking == 'layer':
    assert [np.count_nonzero(kept) for kept in mask.values()] == [54, 16, 6]


def test_a_weight_costs_as_many_macs_as_places_it_is_used_at():
  model = wrap(functional(), Cubic(0.5, 0, 10, 1))
  found = macs_per_weight(model)
  layers = {layer.name: layer for layer in cost.of(model).layers}
  assert found and max(found.values()) > min(found.values())
  for name, price in found.items():
    layer = layers[name.rsplit('/', 1)[0]]
    assert price * current_mask(model)[name].size == layer.macs


def test_trainable_variables_are_the_same_objects_before_and_after_fit(data):
  model = wrap(functional(), Cubic(0.8, 0, 10, 2))
  before = [id(variable) for variable in model.trainable_variables]
  fit(model, data, epochs=2)
  model.evaluate(*data, verbose=0)
  assert [id(variable) for variable in model.trainable_variables] == before


def test_a_model_without_wrappers_is_refused(data):
  with pytest.raises(ValueError, match='Regrowth needs a model from st_tf.pruning.wrap. Received: a model without pruning wrappers'):
    model = functional()
    model.compile('sgd', 'mse')
    model.fit(data[0], np.zeros([len(data[0]), 3]), verbose=0, callbacks=[Regrowth()])


def test_several_steps_between_two_calls_are_refused(data):
  model = wrap(functional(), Cubic(0.8, 0, 10, 2))
  model.compile('sgd', 'mse', steps_per_execution=4)
  with pytest.raises(ValueError, match='Regrowth counts single steps. Received: compile.steps_per_execution=4'):
    model.fit(data[0], np.zeros([len(data[0]), 3]), verbose=0, callbacks=[Regrowth()])


def test_a_model_with_a_model_as_a_layer_is_refused_by_its_name():
  inner = functional()
  inputs = keras.Input(inner.input_shape[1:])
  outer = keras.Model(inputs, keras.layers.Dense(2)(inner(inputs)))
  with pytest.raises(ValueError, match=f'The layers of a model are its own. Received: .* with the model {inner.name} as a layer'):
    wrap(outer, Cubic(0.8, 0, 10, 2))
