"""Regrowth on ordinary models in an ordinary `fit`."""

import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_model_optimization.python.core.sparsity.keras import prune, pruning_callbacks
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_schedule import ConstantSparsity, PolynomialDecay
import tf_keras as keras

from st_tf.pruning import Constant, Cubic, OneShot, Regrowth, RegrowthPruning, Stepwise, wrap
from st_tf.pruning.ranking import RankingError
from st_tf.pruning.remembering import PruningError
from st_tf.pruning.wrapper import REACTIVATIONS, current_mask, get_state, prunable, wrappers
from tests.fits import BATCHES, compiled, examples, fit, functional, sequential, single, strips_exactly, zeros

ROOT = pathlib.Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.filterwarnings('ignore:.*stay dense')


class Watcher(keras.callbacks.Callback):
  """What there is after each batch's ranking, if there is one."""

  def __init__(self):
    super().__init__()
    self.masks, self.states, self.losses, self.weights = [], [], [], []

  def on_train_batch_begin(self, batch, logs=None):
    self.masks.append(current_mask(self.model))
    self.states.append(get_state(self.model))
    self.weights.append({name: wrapper.dense(index).numpy() for name, (wrapper, index) in prunable(self.model).items()})

  def on_train_batch_end(self, batch, logs=None):
    self.losses.append(logs['loss'])


def watched(model, epochs=4, optimizer=None, regrowth=None):
  watcher = Watcher()
  fit(compiled(model, optimizer), [regrowth or Regrowth(), watcher], epochs)
  return watcher


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
@pytest.mark.parametrize('make', [functional, sequential])
def test_training_ends_with_exactly_the_requested_sparsity_in_a_plain_model(make, reactivation):
  model = wrap(make(), Cubic(0.83, 3, 20, 4), reactivation)
  watched(model)
  size = current_mask(model).size
  assert zeros(model) == current_mask(model).zeros == math.floor(0.83 * size)
  assert strips_exactly(model)
  assert not any(isinstance(layer, RegrowthPruning) for layer in prune.strip_pruning(model).layers)


@pytest.mark.parametrize(
  'schedule',
  [PolynomialDecay(0.2, 0.8, 2, 20, frequency=5), PolynomialDecay(0.0, 0.9, 0, 12, power=1, frequency=3), ConstantSparsity(0.6, 4, -1, 7)],
)
def test_a_stock_schedule_gives_exactly_its_own_sparsity_curve(schedule):
  model = wrap(functional(), schedule)
  watcher, size = watched(model), current_mask(model).size
  expected, now = [], 0
  for step in range(4 * BATCHES):
    due, sparsity = schedule(step)
    now = math.floor(float(sparsity) * size + 1e-9) if bool(due) else now
    expected.append(now)
  assert [mask.zeros for mask in watcher.masks] == expected
  assert len(set(expected)) > 1 and current_mask(model).zeros == zeros(model) == expected[-1]


@pytest.mark.parametrize('schedule', [Stepwise(0.7, 2, 20, 3), OneShot(0.7, 0, 15, 5), Constant(0.7, 4, 16, 6)])
def test_our_schedules_are_followed_too(schedule):
  model = wrap(functional(), schedule, 'masked')
  watcher = watched(model)
  for step, mask in enumerate(watcher.masks):
    if schedule.is_event(step):
      assert mask.zeros == math.floor(schedule.sparsity_at(step) * mask.size + 1e-9)


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
def test_weights_that_one_event_prunes_are_kept_by_a_later_one(reactivation):
  model = wrap(functional(), Constant(0.7, 0, 20, 4), reactivation)
  watcher = watched(model, optimizer=keras.optimizers.SGD(0.3, momentum=0.9))
  returned = [after.returned(before) for before, after in zip(watcher.masks, watcher.masks[1:])]
  assert sum(returned) > 0
  assert all(count == 0 or step + 1 in (4, 8, 12, 16, 20) for step, count in enumerate(returned))
  assert all(mask.zeros == watcher.masks[0].zeros for mask in watcher.masks)


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
def test_outside_the_reactivation_windows_a_mask_only_shrinks_and_nothing_moves_under_it(reactivation):
  schedule = Cubic(0.9, 0, 20, 2, ((0, 6),))
  watcher = watched(wrap(functional(), schedule, reactivation), optimizer=keras.optimizers.SGD(0.3, momentum=0.9))
  for step in range(6, 23):
    before, after = watcher.masks[step], watcher.masks[step + 1]
    assert step < 7 or after.returned(before) == 0
    for name, kept in before.items():
      # The weights themselves, from one ranking to just before the next; the last of all makes them zero.
      if step < 19:
        assert np.array_equal(watcher.weights[step][name][~kept], watcher.weights[step + 1][name][~kept])
  assert watcher.masks[6].zeros < watcher.masks[-1].zeros


def test_without_any_window_a_pruned_weight_is_gone_for_good():
  watcher = watched(wrap(functional(), Cubic(0.9, 0, 20, 2, ())), optimizer=keras.optimizers.SGD(0.3, momentum=0.9))
  assert sum(after.returned(before) for before, after in zip(watcher.masks, watcher.masks[1:])) == 0


def test_the_dense_gradient_is_bounded_and_stable_at_98_percent():
  model = wrap(functional(), Constant(0.98, 2, 200, 4), 'dense_gradient')
  watcher = watched(model, epochs=12)
  for weights, state in zip(watcher.weights[3:], watcher.states[3:]):
    for name, value in weights.items():
      pruned = np.abs(value[state['mask'][name] == 0])
      assert pruned.max(initial=0) <= 2 * state['threshold'][name] * (1 + 1e-6)
  assert np.isfinite(watcher.losses).all() and np.mean(watcher.losses[-BATCHES:]) < watcher.losses[0]
  assert zeros(model) == current_mask(model).zeros == math.floor(0.98 * current_mask(model).size)


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
def test_frozen_weights_stay_bit_for_bit_under_momentum_and_weight_decay(reactivation):
  model = wrap(functional(), OneShot(0.6, 4, 4, 1), reactivation)
  watcher = watched(model, optimizer=keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=1e-2))
  mask, weights = watcher.masks[4], watcher.weights[4]
  for name, (wrapper, index) in prunable(model).items():
    after = wrapper.pruning_vars[index][0].numpy()
    assert not after[~mask[name]].any() and not np.array_equal(after[mask[name]], weights[name][mask[name]])


def test_a_schedule_that_outlasts_training_still_ends_in_a_plain_model():
  model = wrap(functional(), Cubic(0.9, 0, 1000, 5))
  with pytest.warns(
    UserWarning, match=r'ended after 24 steps, and the schedule goes on to step 1000: the sparsity is 0\.0\d+, and not 0.9'
  ):
    watcher = watched(model)
  assert zeros(model) == current_mask(model).zeros == watcher.masks[-1].zeros > 0
  assert strips_exactly(model)


@pytest.mark.parametrize('ranking', ['layer', 'erk'])
def test_other_rankings_and_floors_are_a_matter_of_the_callback(ranking):
  model = wrap(functional(), OneShot(0.75, 2, 2, 1))
  watched(model, epochs=1, regrowth=Regrowth(ranking, floor=0.2))
  mask = current_mask(model)
  assert mask.zeros == math.floor(0.75 * mask.size)
  assert all(np.mean(kept) >= 0.2 for kept in mask.values())
  if ranking == 'layer':
    assert [np.count_nonzero(kept) for kept in mask.values()] == [54, 16, 6]


def test_trainable_variables_are_the_same_objects_before_and_after_fit():
  model = wrap(functional(), Cubic(0.8, 0, 10, 2))
  before = [id(variable) for variable in model.trainable_variables]
  watched(model, epochs=2)
  model.evaluate(*examples(), verbose=0)
  assert [id(variable) for variable in model.trainable_variables] == before


def test_a_model_without_wrappers_is_refused():
  with pytest.raises(ValueError, match='Regrowth needs a model from st_tf.pruning.wrap. Received: a model without pruning wrappers'):
    fit(compiled(single()), [Regrowth()])
  with pytest.raises(PruningError, match='Received: pruning wrappers of another kind'):
    fit(compiled(prune.prune_low_magnitude(single())), [Regrowth()])


@pytest.mark.parametrize('together', [4, 'auto'])
def test_several_steps_between_two_calls_are_refused(together):
  model = compiled(wrap(single(), Cubic(0.8, 0, 10, 2)), steps_per_execution=together)
  with pytest.raises(PruningError, match=f'Regrowth counts single steps. Received: compile.steps_per_execution={together!r}'):
    fit(model, [Regrowth()])


@pytest.mark.parametrize(
  ('options', 'message'),
  [
    ({'ranking': 'lamb'}, "A ranking is one of global, macs, lamp, layer, erk. Received: 'lamb'. Did you mean lamp?"),
    ({'ranking': None}, 'Received: None'),
    ({'ranking': np.array(['erk', 'lamp'])}, r'Received: array'),
    ({'floor': 1}, r'in \[0, 1\). Received: 1. Take 0.01'),
    ({'floor': float('nan')}, 'Received: nan'),
    ({'floor': '1%'}, "Received: '1%'"),
  ],
)
def test_options_that_are_none_are_refused(options, message):
  with pytest.raises(PruningError, match=message):
    Regrowth(**options)


def test_a_floor_may_be_any_number():
  assert Regrowth(floor=np.float32(0.25)).floor == Regrowth(floor=0.25).floor and Regrowth(floor=0).floor == 0


def test_what_the_schedule_will_ask_for_is_looked_at_before_the_first_step():
  with pytest.raises(RankingError, match='Received: sparsity 0.9; at most 0.5'):
    fit(compiled(wrap(single(), Cubic(0.9, 20, 30, 2))), [Regrowth(floor=0.5)])


def test_two_callbacks_are_refused():
  with pytest.raises(PruningError, match='A step ends before the next begins. Received: a second beginning. Give one Regrowth'):
    fit(compiled(wrap(single(), Cubic(0.8, 0, 10, 2))), [Regrowth(), Regrowth()])


def test_a_step_of_a_training_that_has_not_begun_is_refused():
  regrowth = Regrowth()
  regrowth.set_model(wrap(single(), Cubic(0.8, 0, 10, 2)))
  with pytest.raises(PruningError, match='Received: on_train_batch_begin alone. Call on_train_begin first'):
    regrowth.on_train_batch_begin(0)


@pytest.mark.parametrize('jit_compile', [False, True])
def test_training_without_the_callback_says_so_at_its_first_step(jit_compile):
  def make():
    return compiled(wrap(single(), Cubic(0.8, 0, 10, 2)), jit_compile=jit_compile)

  images, labels = examples()
  with pytest.raises(ValueError, match='Received: a training step without it'):
    make().train_on_batch(images[:8], labels[:8])
  with pytest.raises(ValueError, match='Received: a training step without it'):
    fit(make(), [pruning_callbacks.UpdatePruningStep()])
  model = make()
  with pytest.raises(ValueError, match='trained under the callback Regrowth.* Received: a training step without it'):
    fit(model, [])
  fit(model, [Regrowth(), pruning_callbacks.UpdatePruningStep()])  # Compiled once, and refused before.
  before = model.get_weights()
  with pytest.raises(PruningError, match='Received: a training step without it'):
    fit(model, [], epochs=1)
  assert all(np.array_equal(*pair) for pair in zip(before, model.get_weights()))


def test_a_loop_of_one_s_own_is_driven_by_the_callback_or_says_so():
  model, regrowth = wrap(functional(), Cubic(0.8, 0, 10, 2)), Regrowth()
  optimizer, loss = keras.optimizers.SGD(0.1, momentum=0.9), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
  images, labels = examples()

  @tf.function
  def step():
    with tf.GradientTape() as tape:
      value = loss(labels, model(images, training=True))
    optimizer.apply_gradients(zip(tape.gradient(value, model.trainable_variables), model.trainable_variables))

  regrowth.set_model(model)
  regrowth.on_train_begin()
  for number in range(14):
    regrowth.on_train_batch_begin(number)
    step()
    regrowth.on_train_batch_end(number)
  regrowth.on_train_end()
  assert zeros(model) == math.floor(0.8 * current_mask(model).size) and strips_exactly(model)
  with pytest.raises(tf.errors.InvalidArgumentError, match='Received: a training step without it'):
    step()


def test_steps_that_find_no_data_do_not_count():
  model = compiled(wrap(single(), Cubic(0.8, 0, 8, 2)))
  images, labels = examples()
  batches = tf.data.Dataset.from_generator(
    lambda: zip(images.reshape(6, 8, 6, 6, 3), labels.reshape(6, 8)),
    output_signature=(tf.TensorSpec([8, 6, 6, 3]), tf.TensorSpec([8], tf.int64)),
  )
  model.fit(batches, epochs=2, verbose=0, callbacks=[Regrowth()])
  assert int(wrappers(model)[0].pruning_step.numpy()) == 12


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
def test_under_mixed_precision_weights_stay_single_and_layers_keep_their_policy(reactivation):
  keras.mixed_precision.set_global_policy('mixed_float16')
  try:
    inputs = keras.Input([6, 6, 3])
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, name='first')(inputs))
    model = wrap(
      keras.Model(inputs, keras.layers.Dense(3, dtype='float32', name='last')(x)), Cubic(0.8, 0, 10, 2), reactivation, unit_slope=True
    )
    fit(compiled(model), [Regrowth()], epochs=3)
    assert zeros(model) == math.floor(0.8 * current_mask(model).size) and strips_exactly(model)
    assert [layer.compute_dtype for layer in wrappers(model)] == ['float16', 'float32']
    assert all(value.dtype == np.float32 for value in model.get_weights() if value.ndim)
  finally:
    keras.mixed_precision.set_global_policy('float32')


@pytest.mark.parametrize(('number', 'reactivation'), [('float16', 'dense_gradient'), ('bfloat16', 'soft_threshold'), ('float64', 'masked')])
def test_weights_of_other_precisions_are_pruned_in_these(number, reactivation):
  model = keras.Sequential([keras.Input([6, 6, 3]), keras.layers.Flatten(), keras.layers.Dense(3, name='dense', dtype=number)])
  model = wrap(model, Cubic(0.8, 0, 10, 2), reactivation, unit_slope=reactivation == 'soft_threshold')
  fit(compiled(model), [Regrowth()], epochs=2)
  assert zeros(model) == math.floor(0.8 * current_mask(model).size) and strips_exactly(model)
  assert wrappers(model)[0].layer.kernel.dtype == number == wrappers(model)[0].dense(0).dtype


def test_under_a_strategy_variables_are_mirrored_ones():
  with tf.distribute.MirroredStrategy(['cpu:0']).scope():
    model = compiled(wrap(single(), Cubic(0.8, 0, 10, 2)))
  fit(model, [Regrowth()], epochs=2)
  assert current_mask(model).zeros == math.floor(0.8 * current_mask(model).size) == zeros(model)


@pytest.mark.slow
def test_two_logical_cpus_prune_together():
  run = subprocess.run([sys.executable, '-m', 'tests.fit_driver'], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
  assert run.returncode == 0, run.stderr[-3000:]
  for found in json.loads(run.stdout.splitlines()[-1]).values():
    assert found == {'replicas_differ': False, 'zeros': found['expected'], 'expected': found['expected'], 'strip_error': 0.0, 'steps': 12}
