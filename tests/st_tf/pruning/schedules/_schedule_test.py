"""What all schedules do alike, and as tfmot's own wrappers see it."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_wrapper
import tf_keras as keras

from st_tf.pruning import Constant, Cubic, Stepwise
from st_tf.pruning.schedules import RegrowthSchedule


def test_the_next_event_is_the_first_after_a_step():
  schedule = Cubic(0.9, 3, 20, 7)
  assert [schedule.next_event(step) for step in (0, 2, 3, 9, 10, 16, 17, 20, 30)] == [3, 3, 10, 10, 17, 17, 20, 20, 20]


def test_weights_may_return_within_the_windows_only():
  schedule = Cubic(0.9, 0, 40, 10, ((0, 10), (25, 30)))
  assert [schedule.may_return(step) for step in (0, 10, 11, 20, 25, 30, 31, 40)] == [True, True, False, False, True, True, False, False]
  assert not any(Cubic(0.9, 0, 40, 10, ()).may_return(step) for step in range(41))
  assert all(Cubic(0.9, 0, 40, 10).may_return(step) for step in range(41))


def test_a_call_answers_what_tfmot_asks():
  schedule = Cubic(0.8, 10, 30, 5)
  for step in (0, 10, 12, 20, 30, 35):
    due, sparsity = schedule(step)
    assert (due.dtype, sparsity.dtype) == (tf.bool, tf.float32)
    assert bool(due) == schedule.is_event(step)
    assert float(sparsity) == pytest.approx(schedule.sparsity_at(step) if step >= 10 else 0.0)


def test_the_answer_is_the_same_inside_a_graph():
  schedule, variable = Stepwise(0.8, 2, 6, 2), tf.Variable(0, dtype=tf.int64)
  with_tensor = tf.function(schedule, input_signature=[tf.TensorSpec([], tf.int64)])
  with_variable = tf.function(lambda: schedule(variable))
  for step in range(9):
    variable.assign(step)
    expected = [value.numpy() for value in schedule(step)]
    assert [value.numpy() for value in with_tensor(tf.constant(step, tf.int64))] == expected
    assert [value.numpy() for value in with_variable()] == expected


def test_tfmot_s_own_wrapper_prunes_by_it():
  layer = pruning_wrapper.PruneLowMagnitude(keras.layers.Dense(10, use_bias=False), Constant(0.7, 2, 4, 2))
  model = keras.Sequential([keras.Input([10]), layer])
  model.compile('sgd', 'mse')
  layer.pruning_step.assign(0)
  sparsities = []
  for _ in range(3):
    model.train_on_batch(np.ones([4, 10]), np.ones([4, 10]))
    sparsities.append(float(np.mean(layer.pruning_vars[0][1] == 0)))
  assert sparsities == pytest.approx([0.0, 0.7, 0.7])


def test_a_schedule_says_its_own_sparsity():
  with pytest.raises(NotImplementedError):
    RegrowthSchedule(0.5, 0, 1, 1).sparsity_at(0)


@pytest.mark.parametrize('sparsity', [-0.1, 1.0, 90, float('nan'), '0.9', None, True])
def test_a_sparsity_outside_0_to_1_is_refused(sparsity):
  with pytest.raises(ValueError, match=r'Sparsity lies in \[0, 1\)'):
    Cubic(sparsity, 0, 10, 1)


@pytest.mark.parametrize('begin, end, frequency', [(-1, 5, 1), (6, 5, 1), (0, 5, 0)])
def test_steps_that_contradict_each_other_are_refused(begin, end, frequency):
  with pytest.raises(ValueError, match=f'Received: {begin}, {end}, {frequency}'):
    Cubic(0.5, begin, end, frequency)


@pytest.mark.parametrize(('end', 'frequency'), [(187.5, 1), ('10', 1), (None, 1), (10, 0.5), (float('inf'), 1), (10, True)])
def test_steps_are_whole_numbers(end, frequency):
  with pytest.raises(ValueError, match='Steps are whole numbers. Received: (end_step|frequency)='):
    Cubic(0.5, 0, end, frequency)


def test_steps_may_come_from_a_division_and_from_numpy():
  schedule = Cubic(np.float32(0.5), 0, 20.0, np.int64(5))
  assert (schedule.end_step, schedule.frequency) == (20, 5) and type(schedule.end_step) is int and type(schedule.target_sparsity) is float


@pytest.mark.parametrize('windows', [5, (1, 2), ((1, 2, 3),), (('a', 'b'),)])
def test_windows_are_pairs_of_steps(windows):
  with pytest.raises(ValueError, match='reactivation has windows, .first step, last step. each. Received: '):
    Cubic(0.5, 0, 10, 1, windows)
