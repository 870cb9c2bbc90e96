import json
import zipfile

import numpy as np
import pytest
import tf_keras

from st_tf.arch.specs import SpecError
from st_tf.models import keras_files
from st_tf.models.graph import build_graph, read
from tests import networks

keras = pytest.importorskip('keras', minversion='3')
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(2, 12, 12, 3)).astype(np.float32)


def network(keras, named=lambda name: name):
  """The same network by either version: inverted residual, gate, concatenation, several activations."""
  layers = keras.layers
  image = keras.Input((12, 12, 3), name='image')
  x = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(8, 3, 2, use_bias=False)(layers.ZeroPadding2D(1)(image))))
  y = layers.Activation('swish' if keras is tf_keras else 'silu')(layers.Conv2D(16, 1)(x))
  y = layers.DepthwiseConv2D(3, padding='same')(y)
  x = layers.Add()([x, layers.Conv2D(8, 1)(y)])
  gate = layers.Dense(8, activation='sigmoid')(layers.GlobalAveragePooling2D()(x))
  x = layers.Concatenate()([layers.Multiply()([x, layers.Reshape((1, 1, 8))(gate)]), layers.MaxPooling2D(3, 1, 'same')(x)])
  x = layers.SeparableConv2D(6, 3)(layers.LeakyReLU(negative_slope=0.2)(x) if keras is not tf_keras else layers.LeakyReLU(0.2)(x))
  return keras.Model(image, layers.Dense(4)(layers.Dropout(0.3)(layers.Flatten()(x))))


def stir(model):
  for variable in model.weights:
    low = 0.5 if any(part in variable.name for part in ('gamma', 'variance')) else -0.5
    variable.assign(RNG.uniform(low, 1.0, variable.shape))
  return model


def built(graph, values):
  model = build_graph(graph)
  for name, variable in read(model)[1].items():
    if name in values:
      variable.assign(values[name])
  return model


@pytest.mark.parametrize('suffix', ['.keras', '.h5'])
def test_a_file_of_tf_keras_is_read(suffix, tmp_path):
  model = stir(network(tf_keras))
  model.save(tmp_path / f'model{suffix}')
  np.testing.assert_allclose(built(*keras_files.load(str(tmp_path / f'model{suffix}')))(IMAGES), model(IMAGES), rtol=1e-5, atol=1e-5)


def test_a_folder_of_tf_keras_is_read(tmp_path):
  model = stir(network(tf_keras))
  model.save(tmp_path / 'saved', save_format='tf')
  np.testing.assert_allclose(built(*keras_files.load(str(tmp_path / 'saved')))(IMAGES), model(IMAGES), rtol=1e-5, atol=1e-5)


def test_a_file_of_keras_3_is_read_and_written(tmp_path):
  model = stir(network(keras))
  model.save(tmp_path / 'model.keras')
  graph, values = keras_files.load(str(tmp_path / 'model.keras'))
  np.testing.assert_allclose(built(graph, values)(IMAGES), np.asarray(model(IMAGES)), rtol=1e-5, atol=1e-5)
  keras_files.save(graph, values, tmp_path / 'again.keras')
  again = keras.saving.load_model(tmp_path / 'again.keras', safe_mode=True)
  np.testing.assert_allclose(np.asarray(again(IMAGES)), np.asarray(model(IMAGES)), rtol=1e-5, atol=1e-5)


def test_models_in_models_of_keras_3_are_taken_apart(tmp_path):
  inner = keras.Sequential([keras.layers.Conv2D(4, 1, name='a'), keras.layers.ReLU(name='b')], name='inner')
  image = keras.Input((12, 12, 3), name='image')
  model = stir(keras.Model(image, inner(image)))
  model.save(tmp_path / 'model.keras')
  graph, values = keras_files.load(str(tmp_path / 'model.keras'))
  assert [node.name for node in graph.nodes] == ['image', 'inner/a', 'inner/b']
  np.testing.assert_allclose(built(graph, values)(IMAGES), np.asarray(model(IMAGES)), rtol=1e-5, atol=1e-5)


def test_every_network_can_leave_for_keras_3(tmp_path):
  model = networks.stirred(networks.drawn(3), RNG)
  graph, variables = read(model)
  keras_files.save(graph, {name: variable.numpy() for name, variable in variables.items()}, tmp_path / 'model.keras')
  again = keras.saving.load_model(tmp_path / 'model.keras')
  np.testing.assert_allclose(np.asarray(again(IMAGES)), model(IMAGES), rtol=1e-4, atol=1e-4)


def of_keras3(activation=None, layer=None):
  image = keras.Input((12, 12, 3), name='image')
  x = keras.layers.Activation(activation, name='act')(image) if activation else image
  return keras.Model(image, layer(x) if layer else x)


@pytest.mark.parametrize(
  'model, message',
  [
    (lambda: of_keras3('hard_sigmoid'), "both versions of Keras have. Received: act with 'hard_sigmoid'"),
    (lambda: of_keras3(layer=lambda x: keras.ops.sin(x)), 'layers that Keras brings. Received: .*, a Sin'),
  ],
)
def test_what_only_one_version_knows_is_named(model, message, tmp_path):
  model().save(tmp_path / 'model.keras')
  with pytest.raises(SpecError, match=message):
    keras_files.load(str(tmp_path / 'model.keras'))


@pytest.mark.parametrize('name, content', [('gone.keras', None), ('model.onnx', b'x'), ('model.keras', b'x'), ('model.h5', b'x')])
def test_a_file_of_something_else_is_refused(name, content, tmp_path):
  if content:
    (tmp_path / name).write_bytes(content)
  with pytest.raises(SpecError, match=f'A model of Keras is a .*Received: .*{name}'):
    keras_files.load(str(tmp_path / name))


def test_a_custom_layer_in_a_file_is_refused_by_its_name(tmp_path):
  model = of_keras3(layer=keras.layers.ReLU(name='own'))
  model.save(tmp_path / 'model.keras')
  with zipfile.ZipFile(tmp_path / 'model.keras') as archive:
    parts = {name: archive.read(name) for name in archive.namelist()}
  config = json.loads(parts['config.json'])
  config['config']['layers'][-1] |= {'class_name': 'MyOwn', 'module': 'mine'}
  parts['config.json'] = json.dumps(config).encode()
  with zipfile.ZipFile(tmp_path / 'other.keras', 'w') as archive:
    for name, content in parts.items():
      archive.writestr(name, content)
  with pytest.raises(SpecError, match='layers that Keras brings. Received: own, a MyOwn. Build the network without it'):
    keras_files.load(str(tmp_path / 'other.keras'))


@pytest.mark.parametrize('kind', ['tf_keras', 'keras'])
def test_a_lambda_in_a_model_in_a_file_is_refused_by_its_name(kind, tmp_path):
  brand = tf_keras if kind == 'tf_keras' else keras
  code = brand.layers.Lambda(lambda x: 2 * x, name='doubled')
  inner = brand.Sequential([brand.layers.Input((4,)), code]) if kind == 'keras' else brand.Sequential([code])
  image = brand.Input((4,))
  brand.Model(image, inner(image)).save(tmp_path / 'model.keras')
  with pytest.raises(SpecError, match='layers that Keras brings. Received: doubled, a Lambda'):
    keras_files.load(str(tmp_path / 'model.keras'))


def test_a_file_that_breaks_off_is_refused(tmp_path):
  for name in ('model.keras', 'model.h5'):
    network(tf_keras).save(tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-400])
    with pytest.raises(SpecError, match=f'A model of Keras is a .*Received: .*{name}'):
      keras_files.load(str(tmp_path / name))
