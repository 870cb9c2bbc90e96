import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.config import TrainingConfig
from st_tf.training import optimizers

SLOTS = {
  ('sgd', 0.9): {'momentums'},
  ('sgd', 0.0): {'momentums'},  # tf_keras keeps it without momentum too.
  ('rmsprop', 0.9): {'_velocities', '_momentums'},
  ('rmsprop', 0.0): {'_velocities'},
  ('adam', 0.9): {'_momentums', '_velocities'},
  ('adamw', 0.9): {'_momentums', '_velocities'},
}
KINDS = [pytest.param(*kind, id=f'{kind[0]}-{kind[1]}') for kind in SLOTS]
VALUES = {'conv/kernel': np.array([[1.0, -2.0]], np.float32), 'bn/gamma': np.array([3.0], np.float32), 'scalar': np.float32(0.5)}


def made(name: str, momentum: float, weight_decay: float = 0.0, epsilon: float = 0.0):
  """(optimizer, its variables by name)."""
  variables = {key: tf.Variable(value) for key, value in VALUES.items()}
  config = TrainingConfig(optimizer=name, momentum=momentum, weight_decay=weight_decay, learning_rate=0.1, optimizer_epsilon=epsilon)
  return optimizers.build(config, variables, ['conv/kernel']), variables


def take_steps(optimizer, variables, count: int, seed: int = 0) -> None:
  rng = np.random.default_rng(seed)
  for _ in range(count):
    gradients = [tf.constant(rng.normal(size=variable.shape), tf.float32) for variable in variables.values()]
    optimizer.apply_gradients(zip(gradients, variables.values()))


@pytest.mark.parametrize(('name', 'momentum'), KINDS)
def test_every_slot_is_found_by_variable(name, momentum):
  optimizer, variables = made(name, momentum)
  take_steps(optimizer, variables, 2)
  found = optimizers.slots(optimizer, variables)
  assert set(found) == SLOTS[name, momentum]
  for memory in found.values():
    assert {key: np.shape(value) for key, value in memory.items()} == {key: np.shape(value) for key, value in VALUES.items()}
    assert all(np.any(value != 0) for value in memory.values())


@pytest.mark.parametrize(('name', 'momentum'), KINDS)
def test_an_optimizer_with_restored_slots_goes_on_bit_for_bit(name, momentum):
  first, variables = made(name, momentum, weight_decay=0.01)
  take_steps(first, variables, 3)
  second, copies = made(name, momentum, weight_decay=0.01)
  for key, variable in variables.items():
    copies[key].assign(variable)
  optimizers.set_slots(second, copies, optimizers.slots(first, variables), int(first.iterations))
  for optimizer, trained in ((first, variables), (second, copies)):
    take_steps(optimizer, trained, 3, seed=1)
  for key, variable in variables.items():
    assert np.array_equal(variable.numpy(), copies[key].numpy())
  assert int(first.iterations) == int(second.iterations) == 6


def test_sgd_steps_with_nesterov_momentum_by_hand():
  optimizer, variables = made('sgd', 0.5)
  for _ in range(2):
    optimizer.apply_gradients([(tf.ones_like(variable), variable) for variable in variables.values()])
  # Velocity: -0.1, then 0.5 * -0.1 - 0.1 = -0.15; each step moves by 0.5 * velocity - 0.1.
  np.testing.assert_allclose(variables['scalar'], 0.5 + (0.5 * -0.1 - 0.1) + (0.5 * -0.15 - 0.1), rtol=1e-6)


@pytest.mark.parametrize('momentum', [0.0, 0.9])
def test_sgd_steps_as_that_of_tf_keras(momentum):
  optimizer, variables = made('sgd', momentum)
  peer = keras.optimizers.SGD(0.1, momentum, nesterov=momentum > 0)
  copies = {name: tf.Variable(value) for name, value in VALUES.items()}
  peer.build(list(copies.values()))
  for each, trained in ((optimizer, variables), (peer, copies)):
    take_steps(each, trained, 4)
  for name, variable in variables.items():
    np.testing.assert_allclose(variable, copies[name], rtol=1e-5)
  np.testing.assert_allclose(optimizer.momentums[0], peer.momentums[0], rtol=1e-5)


def test_rmsprop_steps_by_hand():
  optimizer, variables = made('rmsprop', 0.0)
  optimizer.apply_gradients([(2 * tf.ones_like(variable), variable) for variable in variables.values()])
  np.testing.assert_allclose(variables['scalar'], 0.5 - 0.1 * 2 / np.sqrt(0.1 * 4 + 1e-3), rtol=1e-5)


@pytest.mark.parametrize('name', ['adam', 'adamw'])
def test_adam_steps_by_hand(name):
  optimizer, variables = made(name, 0.9)
  for gradient in (2.0, 1.0):
    optimizer.apply_gradients([(gradient * tf.ones_like(variable), variable) for variable in variables.values()])
  # Means 0.1 * 2 = 0.2 and 0.9 * 0.2 + 0.1 = 0.28, mean squares 0.001 * 4 = 0.004 and 0.999 * 0.004 + 0.001; each over what a mean of
  # ones would be by then.
  second = (0.28 / (1 - 0.9**2)) / np.sqrt(0.004996 / (1 - 0.999**2))
  np.testing.assert_allclose(variables['scalar'], 0.5 - 0.1 * 1 - 0.1 * second, rtol=1e-4)


@pytest.mark.parametrize(
  ('name', 'gradient', 'epsilon', 'step'),
  [
    # Inside the root: 0.1 * 2^2 + 0.6 = 1.
    ('rmsprop', 2.0, 0.6, 0.1 * 2),
    ('rmsprop', 2.0, 0.0, 0.1 * 2 / np.sqrt(0.4 + 0.001)),
    # Beside it: 2 / (2 + 1). Keras's AdamW takes it for that of a mean that has not been corrected for its start, 0.001 * 2^2.
    ('adam', 2.0, 1.0, 0.1 * 2 / (2 + 1)),
    ('adamw', 2.0, 1.0, 0.1 * 2 / (2 + 1 / np.sqrt(0.001))),
    ('adam', 2.0, 0.0, 0.1),
  ],
)
def test_the_epsilon_is_the_settings_or_else_the_optimizers_own(name, gradient, epsilon, step):
  optimizer, variables = made(name, 0.0, epsilon=epsilon)
  optimizer.apply_gradients([(gradient * tf.ones_like(variable), variable) for variable in variables.values()])
  np.testing.assert_allclose(variables['scalar'], 0.5 - step, rtol=1e-4)


def test_adamw_decays_the_kernels_alone():
  optimizer, variables = made('adamw', 0.9, weight_decay=2.0)
  optimizer.apply_gradients([(tf.zeros_like(variable), variable) for variable in variables.values()])
  np.testing.assert_allclose(variables['conv/kernel'], VALUES['conv/kernel'] * (1 - 0.1 * 2.0), rtol=1e-6)
  for name in ('bn/gamma', 'scalar'):
    assert np.array_equal(variables[name].numpy(), VALUES[name])


@pytest.mark.parametrize('name', ['sgd', 'rmsprop', 'adam'])
def test_other_optimizers_leave_the_decay_to_the_training_step(name):
  optimizer, variables = made(name, 0.9, weight_decay=2.0)
  optimizer.apply_gradients([(tf.zeros_like(variable), variable) for variable in variables.values()])
  assert all(np.array_equal(variable.numpy(), VALUES[key]) for key, variable in variables.items())
