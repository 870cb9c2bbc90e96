import json

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.arch.graph import Graph, Node
from st_tf.arch.specs import SpecError
from st_tf.models import named_variables
from st_tf.models.graph import build_graph, graph_of, read
from st_tf.pruning import Constant
from st_tf.pruning.wrapper import RegrowthPruning
from tests import networks

RNG = np.random.default_rng(0)


def copied(model):
  """The model, built again from its graph as JSON, with its weights."""
  graph, variables = read(model)
  copy = build_graph(Graph.from_json(json.dumps(graph.to_json())))
  for name, variable in read(copy)[1].items():
    variable.assign(variables[name])
  return copy


def same(first, second, shape=networks.SHAPE):
  images = RNG.normal(size=(2, *shape)).astype(np.float32)
  np.testing.assert_allclose(first(images), second(images), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('seed', range(4))
def test_a_network_comes_back_with_the_same_function(seed):
  model = networks.stirred(networks.drawn(seed), np.random.default_rng(seed))
  copy = copied(model)
  same(model, copy)
  assert graph_of(copy).to_json() == graph_of(model).to_json()


def test_models_in_models_are_taken_apart():
  inner = keras.Sequential([keras.layers.Conv2D(4, 1, name='a'), keras.layers.ReLU(name='b')], name='inner')
  image = keras.Input(networks.SHAPE, name='image')
  other = keras.Input((12, 12, 4))
  block = keras.Model(other, keras.layers.Conv2D(2, 1, name='a')(inner(keras.layers.Conv2D(5, 1, name='c')(other))), name='block')
  model = keras.Model(image, block(keras.layers.Conv2D(4, 1, name='first')(image)))
  graph = graph_of(model)
  assert [node.name for node in graph.nodes] == ['image', 'first', 'block/c', 'block/inner/a', 'block/inner/b', 'block/a']
  same(model, copied(model))


def test_a_model_that_is_called_twice_keeps_its_weights_once():
  inner = keras.Sequential([keras.layers.Conv2D(3, 1, name='a')], name='inner')
  image = keras.Input(networks.SHAPE, name='image')
  model = keras.Model(image, inner(inner(image)))
  graph, variables = read(model)
  assert [node.name for node in graph.nodes] == ['image', 'inner/a', 'inner/a#2'] and set(variables) == {'inner/a/kernel', 'inner/a/bias'}
  same(model, copied(model))


def test_operators_become_layers():
  image = keras.Input(networks.SHAPE)
  x = keras.layers.Conv2D(3, 1)(image)
  hard = x * ((x + 3.0) * (1 / 6)) + 2 * x - image
  model = keras.Model(image, (1 + hard) / 2)
  kinds = [node.kind for node in graph_of(model).nodes]
  assert not any('Op' in kind for kind in kinds) and kinds.count('Rescaling') == 5 and 'Multiply' in kinds and 'Subtract' in kinds
  same(model, copied(model))


def test_wrappers_are_looked_into():
  model = build_graph(graph_of(networks.drawn(1)), wrap=lambda layer: layer)
  wrapped = build_graph(
    graph_of(model),
    wrap=lambda layer: (
      RegrowthPruning(layer, Constant(0.5, 1, 2, 1)) if isinstance(layer, keras.layers.Conv2D) and layer.groups == 1 else layer
    ),
  )
  assert any(isinstance(layer, RegrowthPruning) for layer in wrapped.layers)
  assert graph_of(wrapped).to_json() == graph_of(model).to_json()
  assert set(named_variables(wrapped)) == set(named_variables(model))


def test_an_image_may_have_another_size():
  image = keras.Input((None, None, 3))
  model = keras.Model(image, keras.layers.Conv2D(2, 3, 2)(image))
  assert graph_of(model).nodes[1].shape == (None, None, 2)
  assert build_graph(graph_of(model), (9, 9, 3)).output_shape == (None, 4, 4, 2)


def test_images_that_a_layer_cannot_read_are_refused():
  image = keras.Input((8, 8, 3))
  model = keras.Model(image, keras.layers.Reshape((64, 3), name='rows')(image))
  with pytest.raises(SpecError, match=r'size that every layer can read. Received: rows \(Reshape\) reads \(9, 9, 3\)'):
    build_graph(graph_of(model), (9, 9, 3))


class Subclassed(keras.Model):
  def call(self, inputs):
    return inputs


class Own(keras.layers.Layer):
  pass


def functional(*layers):
  image = keras.Input((8, 8, 3), name='image')
  x = image
  for layer in layers:
    x = layer(x)
  return keras.Model(image, x)


def two_inputs():
  first, second = keras.Input((8, 8, 3), name='first'), keras.Input((8, 8, 3), name='second')
  return keras.Model([first, second], keras.layers.Add()([first, second]))


@pytest.mark.parametrize(
  'model, message',
  [
    (Subclassed, 'functional or sequential Keras model that is built. Received: Subclassed'),
    (keras.Sequential, 'Received: Sequential'),
    (two_inputs, r'one input, images. Received: 2 \(first, second\)'),
    (lambda: functional(keras.layers.Lambda(lambda x: x + 1, name='plus')), 'layers that Keras brings. Received: plus, a Lambda.'),
    (lambda: functional(Own(name='own')), 'Received: own, a Own'),
    (lambda: functional(tf.sin), 'a TFOpLambda of tf.math.sin'),
    (lambda: functional(lambda x: x[:, ::2]), 'SlicingOpLambda'),
    (lambda: functional(lambda x: 3.0 - x), 'TFOpLambda'),
    (lambda: functional(keras.layers.Activation(lambda x: x, name='act')), 'An activation is one of Keras, by name. Received: act'),
    (lambda: functional(Subclassed(name='inside')), 'Models inside a network are functional or sequential. Received: Subclassed .inside'),
    (lambda: functional(lambda x: keras.layers.LSTM(2, return_state=True, name='lstm')(x[:, 0])[0]), 'SlicingOpLambda|several'),
  ],
)
def test_what_only_its_own_code_knows_is_refused_by_name(model, message):
  with pytest.raises(SpecError, match=message):
    graph_of(model())


@pytest.mark.parametrize('node, message', [
  (Node('own', 'Own', {}, ('image',), (8, 8, 3)), 'Received: own, a Own'),
  (Node('plus', 'Lambda', {'function': 'x'}, ('image',), (8, 8, 3)), 'Received: plus, a Lambda'),
  (Node('conv', 'Conv2D', {'filtres': 3}, ('image',), (8, 8, 3)), r'settings that Keras knows. Received: conv \(Conv2D\)'),
])  # fmt: skip
def test_a_graph_of_other_layers_is_not_built(node, message):
  image = graph_of(functional(keras.layers.ReLU())).nodes[0]
  with pytest.raises(SpecError, match=message):
    build_graph(Graph((image, node), (node.name,)))
