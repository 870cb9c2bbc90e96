"""Weights of a network that is built as those of tf_keras.applications are, and is small."""

import functools

import numpy as np
import pytest
import tf_keras as keras

from st_tf.arch.specs import HeadSpec, SpecError
from st_tf.models import families, starts
from st_tf.models.families._applications import BGR, application, at
from tests import applications
from tests.networks import stirred

SIDE = 16
HEAD = HeadSpec('classification', 3)


def published(image_size):
  return at('nowhere', ('speck_no_top.h5', ''), ('speck.h5', ''))


@pytest.fixture(autouse=True)
def family(tmp_path, monkeypatch):
  """speck, speck:2 of the double width, and speck:bgr."""

  def named(name):
    width = 2 if name == 'speck:2' else 1
    return application(functools.partial(applications.speck, width=width), BGR if name == 'speck:bgr' else 'signed', published)

  monkeypatch.setattr(families, 'named', named)
  monkeypatch.setenv('HOME', str(tmp_path))


@pytest.fixture
def model():
  return stirred(applications.speck(None, False, (SIDE, SIDE, 3)), np.random.default_rng(0))


def topped(model, classes=5):
  """The same with last layers of their own."""
  whole = applications.speck(None, True, (SIDE, SIDE, 3), classes=classes)
  for layer, other in zip((layer for layer in whole.layers if layer.weights), (layer for layer in model.layers if layer.weights)):
    layer.set_weights(other.get_weights())
  return whole


def signed(images):
  return images / 127.5 - 1


def start(path, name='speck', size=SIDE):
  return starts.start(name, str(path), '', HEAD, (size, size))


@pytest.mark.parametrize('classes', [0, 5, 1000])
def test_weights_are_read_with_the_last_layers_or_without(model, classes, tmp_path):
  (topped(model, classes) if classes else model).save_weights(tmp_path / 'weights.h5')
  applications.assert_same_maps(start(tmp_path / 'weights.h5'), model, signed, SIDE)


@pytest.mark.parametrize('name', ['model.h5', 'model.keras'])
@pytest.mark.parametrize('with_top', [False, True])
def test_a_model_with_its_weights_is_read_too(model, name, with_top, tmp_path):
  (topped(model) if with_top else model).save(tmp_path / name)
  applications.assert_same_maps(start(tmp_path / name), model, signed, SIDE)


def test_a_network_inside_another_is_found(model, tmp_path):
  image = keras.Input((SIDE, SIDE, 3))
  inside = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(model(keras.layers.Rescaling(1 / 127.5, -1)(image))))
  keras.Model(image, inside).save(tmp_path / 'whole.keras')
  applications.assert_same_maps(start(tmp_path / 'whole.keras'), model, signed, SIDE)


def test_where_keras_reads_bgr_the_first_kernel_reads_rgb(model, tmp_path):
  model.save_weights(tmp_path / 'weights.h5')
  begun = start(tmp_path / 'weights.h5', 'speck:bgr')
  kernel = begun.values['stem/Conv1/kernel']
  np.testing.assert_array_equal(kernel[:, :, ::-1], model.get_layer('Conv1').kernel)
  applications.assert_same_maps(begun, model, keras.applications.resnet50.preprocess_input, SIDE)


def test_nothing_is_dropped_within_and_names_do_not_depend_on_what_was_built_before():
  graphs = [families.supernet('speck', HEAD, (SIDE, SIDE)) for _ in range(2)]
  assert graphs[0] == graphs[1] and all(node.kind != 'Dropout' for node in graphs[0].nodes)
  assert [node.layer for node in graphs[0].nodes if node.weights] == [
    'stem/Conv1',
    'batch_normalization',
    'conv2d',
    'head/dropout',
    'head/classifier',
  ]


def test_images_that_are_too_small_are_told():
  with pytest.raises(SpecError, match='a size that speck can read. Received: 4x4 .Input size must be at least 8x8.. Raise --image_size'):
    families.supernet('speck', HEAD, (4, 4))


@pytest.mark.parametrize('name, message', [
  ('weights.h5', r'weights.h5. \(its Conv1 has the shapes \[\(3, 3, 3, 4\)\], and Conv1 of the network \[\(3, 3, 3, 8\)\]'),
  ('model.keras', r'model.keras. \(it has Conv1, a Conv2D of .*\(3, 3, 3, 4\).* in the place of Conv1, .*\(3, 3, 3, 8\)'),
])  # fmt: skip
def test_weights_of_another_width_are_refused(model, name, message, tmp_path):
  model.save_weights(tmp_path / name) if name.endswith('.h5') else model.save(tmp_path / name)
  with pytest.raises(SpecError, match=message):
    start(tmp_path / name, 'speck:2')


def _truncated(model, path):
  model.save(path)
  path.write_bytes(path.read_bytes()[:2000])


def _of_another(model, path):
  other = keras.Sequential([keras.layers.Conv2D(4, 3, use_bias=False, input_shape=(8, 8, 3)), keras.layers.Dense(3)])
  other.save(path)


@pytest.mark.parametrize('name, write, message', [
  ('gone.h5', None, 'gone.h5., which does not exist'),
  ('folder.h5', lambda model, path: path.mkdir(), 'folder.h5., which is a folder'),
  ('weights.npz', lambda model, path: np.savez(path, a=np.zeros(3)), r'an .h5 file .* Received: .*weights.npz'),
  ('text.h5', lambda model, path: path.write_text('not HDF5'), r'text.h5. \(.*signature not found'),
  ('cut.h5', _truncated, r'cut.h5. \(.*truncated'),
  ('cut.keras', _truncated, 'cut.keras.. A model of Keras is a file that Keras reads'),
  ('other.h5', _of_another, r'other.h5. \(its dense_?\d* has the shapes .* and batch_normalization'),
  ('other.keras', _of_another, r'other.keras. \(it has .* in the place of batch_normalization'),
  ('new.weights.h5', lambda model, path: model.save_weights(path), r'\(it has no layers by name'),
  ('empty.h5', lambda model, path: keras.Sequential([keras.layers.ReLU(input_shape=(8, 8, 3))]).save_weights(path), 'it has no weights'),
])  # fmt: skip
def test_a_file_of_something_else_is_refused_by_its_name(model, name, write, message, tmp_path):
  if write:
    write(model, tmp_path / name)
  with pytest.raises(SpecError, match=message) as error:
    start(tmp_path / name)
  assert str(error.value).startswith('Weights of speck are an .h5 file')


def test_published_weights_are_taken_where_they_are_and_fetched_only_on_demand(model, tmp_path, monkeypatch):
  asked = []
  monkeypatch.setattr(families.published, 'fetch', lambda wanted: asked.append(wanted.file) or tmp_path / 'fetched.h5')
  assert families.file_of('speck', '', (SIDE, SIDE)) == '' and not asked
  assert families.file_of('speck', 'imagenet', (SIDE, SIDE)) == str(tmp_path / 'fetched.h5') and asked == ['speck_no_top.h5']
  folder = tmp_path / '.keras' / 'models'
  folder.mkdir(parents=True)
  topped(model, 1000).save_weights(folder / 'speck.h5')
  assert families.file_of('speck', '', (SIDE, SIDE)) == families.file_of('speck', 'imagenet', (SIDE, SIDE)) == str(folder / 'speck.h5')
  assert families.file_of('speck', 'none', (SIDE, SIDE)) == ''
