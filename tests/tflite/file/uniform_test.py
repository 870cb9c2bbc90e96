"""What is changed in a file changes nothing of what it computes."""

import numpy as np
import pytest
import tensorflow as tf

from tests import damage
from tests.foreign_files import SIDE, classifier, converted
from tflite.file import flat
from tflite.file.model_file import ModelFileError
from tflite.file.picture import picture
from tflite.file.runner import Runner
from tflite.file.uniform import uniform

IMAGES = np.random.default_rng(0).random((3, SIDE, SIDE, 3), np.float32)


def changed(content, size=(SIDE, SIDE), output=0, signature=''):
  return uniform(content, flat.read(content, 'x', signature), size, output, 'x')


def test_a_file_of_that_kind_stays_as_it_is():
  assert changed(classifier()) is classifier()


@pytest.mark.parametrize('shape', [(None, SIDE, SIDE, 3), (None, None, None, 3)])
def test_batches_and_sizes_become_fixed(shape):
  np.testing.assert_allclose(Runner(changed(classifier(shape=shape)))(IMAGES), Runner(classifier())(IMAGES), atol=1e-6)


@pytest.mark.parametrize('number', ['uint8', 'int8', 'int16'])
def test_integers_are_converted_inside(number):
  found = Runner(changed(classifier(end='softmax', number=number)))(IMAGES)
  assert found.dtype == np.float32
  np.testing.assert_allclose(found, Runner(classifier(end='softmax'))(IMAGES), atol=0.02)


def test_another_graph_comes_first_with_what_it_calls():
  def choosing(image):
    bright = tf.reduce_mean(image) > 0.25
    return {'x': tf.cond(bright, lambda: tf.reduce_mean(image, (1, 2)), lambda: tf.zeros((1, 3)))}

  shape = (1, SIDE, SIDE, 3)
  content = converted({'a': (lambda image: {'x': tf.reduce_max(image, (1, 2))}, shape), 'b': (choosing, shape)})
  for signature, expected in (('a', IMAGES.max((1, 2))), ('b', IMAGES.mean((1, 2)))):
    np.testing.assert_allclose(Runner(changed(content, signature=signature))(IMAGES), expected, atol=1e-5)


def test_numbers_that_are_no_floats_become_floats():
  content = converted({'a': (lambda image: tf.argmax(tf.reduce_mean(image, (1, 2)), -1), (1, SIDE, SIDE, 3))})
  np.testing.assert_array_equal(Runner(changed(content))(IMAGES).ravel(), IMAGES.mean((1, 2)).argmax(-1))


def test_weights_behind_the_model_are_not_lost(monkeypatch):
  content = classifier(shape=(None, SIDE, SIDE, 3))
  model = flat.read(content, 'x')
  read = flat.schema.ModelT.InitFromPackedBuf

  def far(*arguments):
    file = read(*arguments)
    file.buffers[1].offset = 4096
    return file

  monkeypatch.setattr(flat.schema.ModelT, 'InitFromPackedBuf', far)
  with pytest.raises(ModelFileError, match='with weights behind it'):
    uniform(content, model, (SIDE, SIDE), 0, 'x')


def test_a_damaged_file_is_refused_or_can_be_changed():
  content, refused = classifier(shape=(None, SIDE, SIDE, 3)), 0
  for broken in damage.flipped(content, 120):
    try:
      model = flat.read(broken, 'x')
      picture(model, 'x')
      if len(model.outputs) == 1:
        uniform(broken, model, (SIDE, SIDE), 0, 'x')
    except ModelFileError:
      refused += 1
  assert refused > 5
