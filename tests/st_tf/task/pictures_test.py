"""Picture files reach the network upright, in colour, cropped to the middle."""

from concurrent import futures
import time

import numpy as np
from PIL import Image
import pytest

from st_tf.task import TaskError, pictures
from st_tf.task.pictures import center_crop, open_rgb


def _columns(width, height):
  """A picture whose red is the column's number."""
  pixels = np.zeros((height, width, 3), np.uint8)
  pixels[..., 0] = np.arange(width)
  return Image.fromarray(pixels)


def test_a_picture_of_the_right_size_is_unchanged():
  np.testing.assert_array_equal(center_crop(_columns(6, 4), (4, 6)), np.asarray(_columns(6, 4)))


def test_the_middle_of_a_wide_picture_is_kept():
  assert center_crop(_columns(8, 4), (4, 4))[0, :, 0].tolist() == [2, 3, 4, 5]


def test_a_part_of_the_middle_can_be_kept():
  assert center_crop(_columns(8, 8), (4, 4), keep=0.5)[0, :, 0].tolist() == [2, 3, 4, 5]


def test_a_tall_crop_of_a_wide_picture_keeps_its_height():
  assert center_crop(_columns(8, 4), (4, 2))[0, :, 0].tolist() == [3, 4]


def test_grey_pictures_become_rgb(tmp_path):
  Image.new('L', (3, 2), 7).save(tmp_path / 'grey.png')
  assert np.unique(np.asarray(open_rgb(tmp_path / 'grey.png', 'grey.png'))).tolist() == [7]


def test_a_rotated_photograph_is_turned_upright(tmp_path):
  exif = Image.Exif()
  exif[0x0112] = 6
  _columns(6, 4).save(tmp_path / 'turned.jpg', exif=exif)
  assert open_rgb(tmp_path / 'turned.jpg', 'turned.jpg').size == (4, 6)


def test_a_missing_file_is_named(tmp_path):
  with pytest.raises(TaskError, match='exists. Received: none.png'):
    open_rgb(tmp_path / 'none.png', 'none.png')


def test_a_file_that_is_no_picture_is_named(tmp_path):
  (tmp_path / 'text.png').write_text('no picture')
  with pytest.raises(TaskError, match='can be decoded. Received: text.png'):
    open_rgb(tmp_path / 'text.png', 'text.png')


def test_sixteen_bits_of_grey_are_refused(tmp_path):
  Image.fromarray(np.full((2, 2), 4000, np.uint16)).save(tmp_path / 'deep.png')
  with pytest.raises(TaskError, match="mode 'I;16' of deep.png"):
    open_rgb(tmp_path / 'deep.png', 'deep.png')


@pytest.mark.parametrize('size, wanted', [((115, 87), (27, 105)), ((94, 69), (24, 83)), ((60, 87), (56, 58))])
def test_rounding_does_not_put_the_crop_outside_the_picture(size, wanted):
  assert center_crop(Image.new('RGB', size, (9, 8, 7)), wanted).tolist() == np.full((*wanted, 3), (9, 8, 7)).tolist()


def test_pictures_that_no_memory_holds_several_of_are_refused_by_their_names(tmp_path, monkeypatch):
  _columns(30, 20).save(tmp_path / 'large.png')
  assert open_rgb(tmp_path / 'large.png', 'large.png').size == (30, 20)
  monkeypatch.setattr(pictures, 'LARGEST', 599)
  with pytest.raises(TaskError, match=r'An image has at most 599 pixels.* Received: 30 x 20 of large\.png\. Make it smaller'):
    open_rgb(tmp_path / 'large.png', 'large.png')


def test_large_pictures_are_decoded_one_at_a_time(tmp_path, monkeypatch):
  _columns(30, 20).save(tmp_path / 'a.png')
  monkeypatch.setattr(pictures, '_LARGE', 599)
  inside, most, as_rgb = [], [], pictures.as_rgb

  def slow(picture, name):
    inside.append(name)
    most.append(len(inside))
    time.sleep(0.01)
    inside.pop()
    return as_rgb(picture, name)

  monkeypatch.setattr(pictures, 'as_rgb', slow)
  with futures.ThreadPoolExecutor(4) as pool:
    assert {picture.size for picture in pool.map(lambda _: open_rgb(tmp_path / 'a.png', 'a'), range(8))} == {(30, 20)}
  assert max(most) == 1
