import io

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from st_tf.task import TaskError
from st_tf.task.pictures import open_rgb
from tasks._augment import GEOMETRY_DRAWS
from tasks._images import ArrayImages, EncodedImages

PIXELS = np.random.default_rng(0).integers(0, 256, (7, 16, 16, 3)).astype(np.uint8)


def encoded(pixels, kind='PNG', mode=None):
  stream = io.BytesIO()
  Image.fromarray(pixels, mode).save(stream, kind) if mode else Image.fromarray(pixels).save(stream, kind)
  return stream.getvalue()


def both_kinds():
  """The same pictures in memory and encoded."""
  return ArrayImages(PIXELS, 'x'), EncodedImages([encoded(p) for p in PIXELS], [str(i) for i in range(7)], 16, 1.0)


@pytest.mark.parametrize('images', both_kinds(), ids=['array', 'encoded'])
def test_evaluation_batches_are_complete_and_in_the_order_asked_for(images):
  order = np.asarray([3, 0, 1, 6, 5])
  batches = [(indices.numpy(), pixels.numpy()) for indices, pixels in images.batches(order, 2, None)]
  assert [len(pixels) for _, pixels in batches] == [2, 2, 1]
  assert np.concatenate([indices for indices, _ in batches]).tolist() == order.tolist()
  np.testing.assert_array_equal(np.concatenate([pixels for _, pixels in batches]), PIXELS[order])


@pytest.mark.parametrize('images', both_kinds(), ids=['array', 'encoded'])
def test_training_batches_are_full_and_follow_the_draws(images):
  draws = np.random.default_rng(1).random((7, GEOMETRY_DRAWS), np.float32)
  order = np.asarray([3, 0, 1, 6, 5])
  first, second = ([pixels.numpy() for _, pixels in images.batches(order, 2, draws)] for _ in range(2))
  assert [batch.shape for batch in first] == [(2, 16, 16, 3)] * 2
  np.testing.assert_array_equal(first, second)
  # The same example with the same draw is the same picture wherever it stands.
  ((_, other),) = images.batches(np.asarray([0, 3]), 2, draws)
  np.testing.assert_array_equal(other.numpy()[::-1], first[0])
  assert (first[0] != PIXELS[[3, 0]]).any()


@pytest.mark.parametrize('images', both_kinds(), ids=['array', 'encoded'])
def test_taking_some_keeps_their_order(images):
  taken = images.take(np.asarray([4, 2]))
  assert len(taken) == 2
  ((indices, pixels),) = taken.batches(np.arange(2), 2, None)
  assert indices.numpy().tolist() == [0, 1]
  np.testing.assert_array_equal(pixels.numpy(), PIXELS[[4, 2]])


def test_pictures_of_any_size_become_squares():
  images = EncodedImages([encoded(np.zeros(shape, np.uint8)) for shape in [(20, 90, 3), (90, 20), (4, 4, 3)]], 'abc', 12, 0.875)
  for draws in (None, np.full((3, GEOMETRY_DRAWS), 0.3, np.float32)):
    ((_, pixels),) = images.batches(np.arange(3), 3, draws)
    assert pixels.shape == (3, 12, 12, 3) and pixels.dtype == tf.uint8


@pytest.mark.parametrize('pixels', [PIXELS.astype(np.float32), PIXELS[..., :1], PIXELS[:, :8], PIXELS[0]])
def test_an_array_that_holds_no_pictures_is_refused(pixels):
  with pytest.raises(TaskError, match=r'Images are uint8 \[n, size, size, 3\]\. Received: .* in x'):
    ArrayImages(pixels, 'x')


def test_a_file_that_goes_bad_during_training_is_named():
  images = EncodedImages([encoded(PIXELS[0]), encoded(PIXELS[0])[:60]], ['good.png', 'bad.png'], 16, 1.0)
  with pytest.raises(tf.errors.OpError, match=r'An image can be decoded\. Received: bad\.png'):
    list(images.batches(np.arange(2), 2, None))


@pytest.mark.parametrize(
  ('mode', 'kind'), [('L', 'PNG'), ('LA', 'PNG'), ('RGBA', 'PNG'), ('1', 'PNG'), ('P', 'PNG'), ('CMYK', 'JPEG'), ('L', 'WEBP')]
)
def test_modes_with_an_rgb_form_are_read(mode, kind):
  stream = io.BytesIO()
  Image.fromarray(PIXELS[0]).convert(mode).save(stream, kind)
  assert open_rgb(stream.getvalue(), 'x').mode == 'RGB'


def test_sixteen_bit_grey_would_be_clipped_and_is_refused():
  data = encoded((PIXELS[0, :, :, 0].astype(np.uint16)) * 200)
  with pytest.raises(TaskError, match=r"mode that can be made RGB .*Received: mode 'I;16' of deep\.png\. Save it as 8-bit RGB"):
    open_rgb(data, 'deep.png')


@pytest.mark.parametrize('data', [b'', b'no picture', encoded(PIXELS[0])[:-40], encoded(np.tile(PIXELS[0], (20, 20, 1)), 'JPEG')[:3000]])
def test_what_cannot_be_decoded_is_named(data):
  with pytest.raises(TaskError, match=r'An image can be decoded\. Received: bad\.png .*Replace or remove it'):
    open_rgb(data, 'bad.png', 8)


def test_a_missing_file_is_named(tmp_path):
  with pytest.raises(TaskError, match=r'An image is a file that exists\. Received: gone\.png'):
    open_rgb(tmp_path / 'gone.png', 'gone.png')


def test_a_picture_taken_sideways_is_turned_upright():
  picture, exif = Image.fromarray(np.zeros((10, 20, 3), np.uint8)), Image.Exif()
  exif[0x0112] = 6  # Orientation: rotate by 90 degrees.
  stream = io.BytesIO()
  picture.save(stream, 'JPEG', exif=exif)
  assert open_rgb(stream.getvalue(), 'x').size == (10, 20)
