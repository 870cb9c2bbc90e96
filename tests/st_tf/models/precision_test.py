import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.models import build, named_variables
from st_tf.models.graph import build_graph, graph_of
from st_tf.models.precision import WHOLE, computed_in, not_halved
from tests import networks, tiny

HALF = ['mixed_bfloat16', 'mixed_float16']


@pytest.mark.parametrize('precision', HALF)
def test_layers_compute_in_it_and_what_follows_does_not(precision):
  with pytest.raises(KeyError), computed_in(precision):
    inside = keras.layers.Dense(2)
    raise KeyError
  outside = keras.layers.Dense(2)
  assert (inside.compute_dtype, inside.variable_dtype) == (precision.removeprefix('mixed_'), WHOLE)
  assert (outside.compute_dtype, outside.variable_dtype) == (WHOLE, WHOLE)


def test_what_is_not_halved_is_as_elsewhere():
  for precision, wanted in (('mixed_float16', WHOLE), ('mixed_bfloat16', WHOLE), (WHOLE, WHOLE), ('float64', 'float64')):
    with computed_in(precision), not_halved():
      assert keras.layers.Dense(2).compute_dtype == wanted


def networks_in(precision, graph):
  """A preset, and a network of a graph."""
  with computed_in(precision):
    return build(tiny.SPECK, tiny.task().head, (8, 8, 3)), build_graph(graph, seed=1)


@pytest.mark.parametrize('precision', HALF)
def test_variables_and_outputs_stay_whole_and_the_function_is_nearly_the_same(precision):
  images = tf.constant(np.random.default_rng(0).normal(size=(4, 8, 8, 3)), tf.float32)
  graph = graph_of(networks.residual(8, 1))
  for half, whole in zip(networks_in(precision, graph), networks_in(WHOLE, graph)):
    assert {variable.dtype for variable in named_variables(half).values() if variable.dtype.is_floating} == {tf.float32}
    assert any(layer.compute_dtype != WHOLE for layer in half.layers)
    for name, variable in named_variables(whole).items():
      named_variables(half)[name].assign(variable)
    found, wanted = half(images), whole(images)
    assert found.dtype == tf.float32 and not np.array_equal(found, wanted)
    np.testing.assert_allclose(found, wanted, atol=0.05 * float(tf.reduce_max(tf.abs(wanted))))
