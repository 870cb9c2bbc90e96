"""A file that is no model of one image is refused before it is run."""

import numpy as np
import pytest
import tensorflow as tf

from tflite.file.model_file import ModelFileError
from tflite.file.runner import Runner, single


def _two_numbers(shape, batch=1):
  axes = list(range(1, len(shape) + 1))
  return tf.function(lambda x: tf.reduce_sum(x, axes)[:, None] * [1.0, 2.0], input_signature=[tf.TensorSpec((batch, *shape))])


def _content(function):
  return tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()]).convert()


@pytest.fixture(scope='module')
def file(tmp_path_factory):
  path = tmp_path_factory.mktemp('models') / 'sum.tflite'
  path.write_bytes(_content(_two_numbers((8, 6, 3))))
  return path


def test_the_runner_knows_the_shapes(file):
  runner = Runner.load(file)
  assert (runner.image_size, runner.output_shape, runner.bytes) == ((8, 6), (2,), file.stat().st_size)


def test_images_are_run_one_by_one(file):
  images = np.stack([np.full((8, 6, 3), value, np.float32) for value in (1, 2, 3)])
  np.testing.assert_allclose(Runner.load(file)(images), [[144, 288], [288, 576], [432, 864]])


def test_no_images_have_no_outputs(file):
  assert Runner.load(file)(np.zeros((0, 8, 6, 3), np.float32)).shape == (0, 2)


@pytest.mark.parametrize(('axes', 'shape', 'is_batched'), [((1, 2), (3,), True), ((0, 1, 2), (3,), False), ((0, 1, 2, 3), (), False)])
def test_outputs_need_no_batch(axes, shape, is_batched):
  runner = Runner(_content(tf.function(lambda x: tf.reduce_sum(x, axes), input_signature=[tf.TensorSpec((1, 2, 2, 3))])))
  images = np.random.default_rng(0).random((4, 2, 2, 3), np.float32)
  assert (runner.output_shape, runner.is_batched) == (shape, is_batched)
  np.testing.assert_allclose(runner(images), images.sum((1, 2) if shape else (1, 2, 3)), rtol=1e-5)


def test_outputs_of_several_sizes_are_refused():
  bright = tf.function(lambda x: tf.reshape(tf.where(x > 0.5), (-1,)), input_signature=[tf.TensorSpec((1, 2, 2, 3))])
  images = np.zeros((2, 2, 2, 3), np.float32)
  images[:, 0, 0], images[1, 1, 1] = 1, 1
  runner = Runner(_content(bright))
  assert runner(images[:1]).shape == (1, 12)
  with pytest.raises(ModelFileError, match=r'as many outputs for each image\. Received: \[12\] and \[24\] from the model'):
    runner(images)


def test_a_file_that_is_no_model_is_named(tmp_path):
  path = tmp_path / 'picture.tflite'
  path.write_bytes(b'\x89PNG\r\n\x1a\n and more')
  with pytest.raises(ModelFileError, match='identifier TFL3.*picture.tflite'):
    Runner.load(path)


def test_a_missing_file_is_named(tmp_path):
  with pytest.raises(ModelFileError, match='none.tflite .No such file'):
    Runner.load(tmp_path / 'none.tflite')


@pytest.mark.parametrize('kept', [8, 100, 0.5])
def test_a_truncated_file_is_an_error(file, kept):
  content = file.read_bytes()
  with pytest.raises(ModelFileError, match='run by the TFLite interpreter'):
    Runner(content[: int(kept if kept > 1 else len(content) * kept)])


@pytest.mark.parametrize('shape, batch', [((4, 4, 2), 1), ((4, 4, 3), 2), ((4, 4, 3), None), ((12,), 1)])
def test_a_model_reads_one_image(shape, batch):
  content = _content(_two_numbers(shape, batch))
  with pytest.raises(ModelFileError, match='one float32 image of fixed size'):
    Runner(content)


def test_images_of_another_size_are_refused(file):
  with pytest.raises(ModelFileError, match=r'images \[n, 8, 6, 3\]. Received: \[2, 6, 8, 3\]'):
    Runner.load(file)(np.zeros((2, 6, 8, 3), np.float32))


def test_grey_images_have_one_channel():
  runner = Runner(_content(_two_numbers((4, 4, 1))))
  assert runner.channels == 1
  np.testing.assert_allclose(runner(np.ones((2, 4, 4, 1), np.float32)), [[16, 32]] * 2)
  with pytest.raises(ModelFileError, match=r'images \[n, 4, 4, 1\]'):
    runner(np.ones((2, 4, 4, 3), np.float32))


def test_maps_whose_pixels_come_four_times_are_reduced_and_others_stay():
  maps = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)
  repeated = maps.repeat(2, 1).repeat(2, 2)
  np.testing.assert_array_equal(single(repeated), maps)
  repeated[1, 3, 3, 2] += 1
  assert single(repeated) is repeated
  assert single(maps) is maps, 'an odd number of rows'
  logits = np.zeros((2, 4), np.float32)
  assert single(logits) is logits
