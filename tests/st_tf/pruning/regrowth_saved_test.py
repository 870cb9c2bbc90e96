"""A wrapped model that is saved, put back, interrupted or trained further, in any order of callbacks."""

import math

import numpy as np
import pytest
import tf_keras as keras

from st_tf.pruning import Cubic, Regrowth, wrap
from st_tf.pruning.wrapper import REACTIVATIONS, current_mask, wrappers
from tests.fits import compiled, examples, fit, single, strips_exactly, zeros

pytestmark = pytest.mark.filterwarnings('ignore:.*Training has ended')
SCHEDULE = Cubic(0.8, 0, 12, 2)
SIZE = 6 * 6 * 3 * 3


def wrapped(reactivation='soft_threshold'):
  return compiled(wrap(single(), SCHEDULE, reactivation))


def step(model):
  return int(wrappers(model)[0].pruning_step.numpy())


def pruned_at(event):
  return math.floor(SCHEDULE.sparsity_at(event) * SIZE)


class Interruption(keras.callbacks.Callback):
  """Ctrl-C at a step, before the model or after it."""

  def __init__(self, at, after=False):
    super().__init__()
    self.at, self.after = at, after

  def on_train_batch_begin(self, batch, logs=None):
    self.at -= 1
    if self.at < 0 and not self.after:
      raise KeyboardInterrupt

  def on_train_batch_end(self, batch, logs=None):
    if self.at < 0:
      raise KeyboardInterrupt


@pytest.mark.parametrize('reactivation', REACTIVATIONS)
def test_a_second_fit_goes_on_with_the_schedule_and_a_third_keeps_its_end(reactivation):
  model = wrapped(reactivation)
  found = []
  for _ in range(4):
    fit(model, [Regrowth()], epochs=1)
    found.append((step(model), zeros(model), current_mask(model).zeros, strips_exactly(model)))
  assert found == [(6, *[pruned_at(4)] * 2, True), (12, *[pruned_at(10)] * 2, True), *((at, *[pruned_at(12)] * 2, True) for at in (18, 24))]


def test_fine_tuning_under_another_optimizer_keeps_the_mask():
  model = wrapped()
  fit(model, [Regrowth()], epochs=3)
  mask, before = current_mask(model), model.get_weights()
  fit(compiled(model, keras.optimizers.Adam(0.01, weight_decay=0.1)), [Regrowth()], epochs=1)
  assert all(np.array_equal(kept, current_mask(model)[name]) for name, kept in mask.items())
  assert zeros(model) == mask.zeros and strips_exactly(model) and not np.array_equal(before[0], model.get_weights()[0])


@pytest.mark.parametrize(
  'name', ['model.keras', 'model.h5', pytest.param('folder', marks=pytest.mark.slow), 'model.weights.h5', 'checkpoint']
)
def test_what_is_saved_within_a_schedule_is_loaded_there_and_goes_on(name, tmp_path):
  model = wrapped()
  fit(model, [Regrowth()], epochs=1)
  path = tmp_path / name
  if name in ('model.weights.h5', 'checkpoint'):
    model.save_weights(path)
    again = wrapped()
    again.load_weights(path)
  else:
    model.save(path)
    again = keras.models.load_model(path)
  assert np.array_equal(again(examples()[0]), model(examples()[0])) and step(again) == 6
  assert zeros(again) == pruned_at(4) and strips_exactly(again)
  fit(again, [Regrowth()], initial_epoch=1, epochs=3)
  assert (step(again), zeros(again)) == (18, pruned_at(12)) and strips_exactly(again)


def test_a_copy_with_the_weights_is_where_the_model_is():
  model = wrapped()
  fit(model, [Regrowth()], epochs=1)
  again = compiled(keras.models.clone_model(model))
  again.set_weights(model.get_weights())
  assert (step(again), zeros(again)) == (6, pruned_at(4)) and strips_exactly(again)


@pytest.mark.parametrize(
  ('reactivation', 'regrowth_first'), [('soft_threshold', True), ('soft_threshold', False), ('masked', True), ('dense_gradient', False)]
)
def test_files_and_best_weights_within_a_training_strip_exactly(reactivation, regrowth_first, tmp_path):
  model, regrowth = wrapped(reactivation), [Regrowth()]
  saving = keras.callbacks.ModelCheckpoint(str(tmp_path / '{batch}.h5'), save_freq=5)
  stopping = keras.callbacks.EarlyStopping('loss', patience=1, mode='max', restore_best_weights=True)  # The first epoch is the best.
  others = [saving, stopping]
  fit(model, regrowth + others if regrowth_first else others + regrowth, epochs=4)
  files = sorted(tmp_path.glob('*.h5'))
  assert len(files) == 2 and step(model) == 6 and strips_exactly(model)
  for file in files:
    saved = keras.models.load_model(file)
    assert strips_exactly(saved) and zeros(saved) > 0
    if reactivation != 'soft_threshold':  # Under which weights cross the threshold between two rankings.
      assert zeros(saved) == current_mask(saved).zeros
  assert zeros(model) == current_mask(model).zeros == pruned_at(4)


class PutBack(keras.callbacks.Callback):
  """Puts the weights of a step back once a training has ended, as callbacks do that keep the best."""

  def __init__(self, at):
    super().__init__()
    self.at = at

  def on_train_batch_end(self, batch, logs=None):
    self.at -= 1
    if not self.at:
      self.weights = self.model.get_weights()

  def on_train_end(self, logs=None):
    self.model.set_weights(self.weights)


@pytest.mark.parametrize('regrowth_first', [True, False])
def test_weights_from_between_two_rankings_that_are_put_back_last_get_their_exact_sparsity(regrowth_first):
  model, callbacks = wrapped(), [Regrowth(), PutBack(12)]
  with pytest.warns(UserWarning, match='Training has ended after 12 steps') as found:
    history = fit(model, callbacks if regrowth_first else callbacks[::-1])
  assert len([warning for warning in found if 'Training has ended' in str(warning.message)]) == 1
  assert step(model) == 12 and zeros(model) == current_mask(model).zeros == pruned_at(10) and strips_exactly(model)
  assert 'on_train_end' not in vars(history)
  fit(model, [Regrowth()], epochs=1)
  assert zeros(model) == pruned_at(12)


class Averaged(keras.callbacks.Callback):
  """Gives a model the mean of all of its variables after every step, as callbacks of averages do."""

  def on_train_begin(self, logs=None):
    self.seen = []

  def on_train_batch_end(self, batch, logs=None):
    self.seen.append(self.model.get_weights())

  def on_train_end(self, logs=None):
    self.model.set_weights([np.mean(values, 0).astype(values[0].dtype) for values in zip(*self.seen)])


@pytest.mark.parametrize(('reactivation', 'regrowth_first'), [('soft_threshold', True), ('masked', False)])
def test_averages_of_all_variables_get_the_sparsity_that_was_reached(reactivation, regrowth_first):
  model, callbacks = wrapped(reactivation), [Regrowth(), Averaged()]
  fit(model, callbacks if regrowth_first else callbacks[::-1], epochs=3)
  assert step(model) == 18 and zeros(model) == current_mask(model).zeros == pruned_at(12) and strips_exactly(model)
  fit(model, [Regrowth()], epochs=1)
  assert step(model) == 24 and zeros(model) == pruned_at(12)


@pytest.mark.parametrize('after', [False, True])
def test_ctrl_c_leaves_a_model_that_strips_exactly_and_goes_on(after):
  model = wrapped('masked')
  with pytest.raises(KeyboardInterrupt):
    fit(model, [Interruption(9, after), Regrowth()], epochs=4)
  assert step(model) == (10 if after else 9) and zeros(model) == current_mask(model).zeros == pruned_at(8) and strips_exactly(model)
  fit(model, [Regrowth()], epochs=2)
  assert zeros(model) == pruned_at(12) and strips_exactly(model)


@pytest.mark.parametrize('regrowth_first', [True, False])
def test_a_resumed_training_ends_as_one_that_was_never_interrupted(regrowth_first, tmp_path):
  reference = wrapped()
  fit(reference, [Regrowth()], shuffle=False)
  for others in ([Interruption(9)], []):
    model = wrapped()
    backup = keras.callbacks.BackupAndRestore(tmp_path / 'backup')
    callbacks = [Regrowth(), backup] if regrowth_first else [backup, Regrowth()]
    try:
      fit(model, callbacks + others, shuffle=False)
    except KeyboardInterrupt:
      assert others
  assert step(model) == 24
  assert all(np.array_equal(*pair) for pair in zip(reference.get_weights(), model.get_weights()))
