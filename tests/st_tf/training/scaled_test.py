import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from st_tf.config import TrainingConfig
from st_tf.models.graph import build_graph, graph_of
from st_tf.models.variables import named_variables
from st_tf.pruning.fit import apply_ranking, wrap_layers
from st_tf.pruning.schedules.cubic import Cubic
from st_tf.pruning.wrapper import effective_values, prunable
from st_tf.search.analysis import analyse
from st_tf.search.factors import Reading, point, readings, scaled, unscaled
from st_tf.training import optimizers
from st_tf.training.optimizers import SQUARES
from st_tf.training.scaled import attach, begun, ended, multiplied
from st_tf.training.state import Memory
from tests import networks

FOUND = {'k': Reading(('s',), np.array([1, 2]), (2, 1))}
MEMORY = Memory(
  {'k': np.float32([[2, 4], [3, 6]]), 'b': np.float32([1])},
  {'k': np.float32([[4, 8], [6, 12]]), 'b': np.float32([2])},
  {'momentums': {'k': np.ones((2, 2), np.float32), 'b': np.float32([3])}},
  5,
  {'mask': {}},
)


def test_what_is_ranked_is_the_product():
  ranked = multiplied({'k': np.float32([[1, 2], [3, 4]]), 'other': np.float32([1])}, FOUND, {'s': np.float32([2, -0.5])})
  assert ranked['k'].tolist() == [[2, 4], [1.5, 2]] and ranked['other'].tolist() == [1]


def test_a_memory_takes_scales_up_and_gives_them_back():
  scales = {'s': np.float32([0.5, 3])}
  with_scales = begun(MEMORY, FOUND, scales)
  assert with_scales.values['k'].tolist() == [[4, 8], [1, 2]] and with_scales.averages['k'].tolist() == [[8, 16], [2, 4]]
  assert with_scales.averages['s'] is scales['s'] and with_scales.iterations == 5
  back = ended(with_scales, FOUND)
  for name in ('k', 'b'):
    assert np.array_equal(back.values[name], MEMORY.values[name]) and np.array_equal(back.averages[name], MEMORY.averages[name])
  assert set(back.values) == {'k', 'b'} and not back.slots['momentums']['k'].any() and back.slots['momentums']['b'].tolist() == [3]


def test_what_is_remembered_of_the_size_of_gradients_follows_the_kernels():
  slots = {'_momentums': {'k': np.ones((2, 2), np.float32)}, SQUARES: {'k': np.float32([[4, 4], [9, 9]]), 's': np.float32([1, 1])}}
  with_scales = dataclasses.replace(begun(MEMORY, FOUND, {'s': np.float32([0.5, 3])}), slots=slots)
  left = ended(with_scales, FOUND).slots
  assert left[SQUARES]['k'].tolist() == [[16, 16], [1, 1]] and set(left[SQUARES]) == {'k'} and not left['_momentums']['k'].any()
  dead = dataclasses.replace(with_scales, values=with_scales.values | {'s': np.float32([0, 3])})
  assert np.isfinite(ended(dead, FOUND).slots[SQUARES]['k']).all()


@pytest.mark.parametrize('name', ['adam', 'adamw', 'rmsprop'])
def test_no_step_is_larger_than_the_rate_after_scales_were_taken_in(name):
  def trained(variable, optimizer, scale, steps):
    taken = []
    for _ in range(steps):
      before = variable.numpy()
      optimizer.apply_gradients([(tf.constant([[0.3], [0.2]]) / scale, variable)])
      taken.append(np.abs(variable.numpy() - before).max())
    return taken

  config = TrainingConfig(optimizer=name, learning_rate=0.001, weight_decay=0.0)
  found, scale = {'k': Reading(('s',), np.array([1, 2]), (2, 1))}, np.float32([[0.5], [4]])
  variables = {'k': tf.Variable([[1.0], [1.0]])}
  optimizer = optimizers.build(config, variables, [])
  usual = max(trained(variables['k'], optimizer, 1.0, 300)[200:])
  memory = Memory({'k': variables['k'].numpy(), 's': scale.ravel()}, {}, optimizers.slots(optimizer, variables), 300, {})
  left = ended(memory, found)
  optimizers.set_slots(optimizer, variables, left.slots, left.iterations)
  assert max(trained(variables['k'], optimizer, scale, 50)) <= 1.1 * usual


@pytest.mark.parametrize('reactivation', ['soft_threshold', 'dense_gradient', 'masked'])
def test_kernels_take_scales_in_at_any_moment_of_the_pruning(reactivation):
  rng = np.random.default_rng(0)
  graph = graph_of(networks.residual(8, 1))
  channels = analyse(graph)
  (group,) = [group for group in channels.searchable() if group.name == 'expand0']
  found, scales = scaled(graph, {'expand0': point(channels, group)})
  schedule = Cubic(0.5, 1, 10, 1, ((1, 10),))
  pictures = tf.constant(rng.normal(size=(2, 8, 8, 3)), tf.float32)

  def built(of):
    model = build_graph(of, wrap=wrap_layers(schedule, reactivation))
    variables, reading = named_variables(model), readings(analyse(of))
    attach(model, reading, variables)
    return model, variables, reading

  whole, variables, reading = built(found)
  (scale,) = scales.values()
  variables[scale].assign(rng.uniform(0.2, 3, variables[scale].shape))
  values = {name: variable.numpy() for name, variable in variables.items()}
  magnitudes = {name: np.abs(values[name]) for name in prunable(whole)}
  mask = apply_ranking(whole, 0.5, 'global', 0.0, multiplied(magnitudes, reading, values))
  # What the layers behind see is what a network computes with that has taken the scales in before the ranking.
  folded, own, _ = built(unscaled(found))
  for name, value in ended(Memory(values, {}, {}, 0, {}), reading).values.items():
    own[name].assign(value)
  assert apply_ranking(folded, 0.5, 'global', 0.0).zeros == mask.zeros
  np.testing.assert_allclose(whole(pictures), folded(pictures), atol=1e-5)
  (name,) = reading
  product = effective_values(whole)[name] * reading[name].of(values)
  np.testing.assert_allclose(product, effective_values(folded)[name], atol=1e-6)
  assert 0 < np.count_nonzero(product) < product.size
