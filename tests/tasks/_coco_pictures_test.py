import dataclasses
import os

import numpy as np
from PIL import ExifTags, Image
import pytest

from st_tf.task import TaskError
from tasks import _coco_pictures
from tests.tasks._people_test import JOINTS, annotations


def picture(path, orientation=1, size=(60, 40)):
  path.parent.mkdir(parents=True, exist_ok=True)
  exif = Image.Exif()
  exif[ExifTags.Base.Orientation] = orientation
  Image.new('RGB', size).save(path, exif=exif)
  return path


def made(folder, orientations=(1, 1), sizes=((40, 60), (40, 60)), names=('a.jpg', 'b.jpg'), **changes):
  """Two pictures of 60x40 pixels, turned by these orientations, of which a file says these sizes, (height, width)."""
  paths = [picture(folder / name, orientation) for name, orientation in zip(names, orientations)]
  return annotations(pictures=paths, shapes=np.asarray(sizes), **changes)


def looked_at(found):
  return _coco_pictures.looked_at(found, np.arange(2))


def test_sizes_that_are_not_said_are_those_of_the_files(tmp_path):
  assert looked_at(made(tmp_path, sizes=((0, 0), (40, 0)))).shapes.tolist() == [[40, 60]] * 2
  assert looked_at(made(tmp_path, (6, 1), ((0, 0), (0, 0)))).shapes.tolist() == [[60, 40], [40, 60]]


def test_coordinates_of_a_picture_as_it_is_stored_are_turned_with_it(tmp_path):
  found = looked_at(made(tmp_path, (6, 1)))
  assert found.shapes.tolist() == [[60, 40], [40, 60]] and found.turned.tolist() == [6, 1]
  assert found.keypoints[0, 0].tolist() == [40 - 20, 20, 2] and found.boxes[0].tolist() == [40 - 30, 10, 20, 20]
  assert found.keypoints[1, 0].tolist() == [20, 20, 2] and found.boxes[1].tolist() == [40, 20, 10, 10]
  assert found.notes == ('people.json: 1 images are turned by EXIF, their joints and boxes with them, as sizes say',)
  assert found.read(0).size == (40, 60)


def test_a_tiff_is_turned_once(tmp_path):
  stored, seen = {'names': ('a.tif', 'b.jpg')}, ((60, 40), (40, 60))
  for orientations, sizes, turned in (((6, 1), ((40, 60), (40, 60)), [6, 1]), ((6, 1), seen, [1, 1]), ((6, 1), ((0, 0), (0, 0)), [1, 1])):
    found = looked_at(made(tmp_path, orientations, sizes, **stored))
    assert found.shapes.tolist() == [[60, 40], [40, 60]] and found.turned.tolist() == turned and found.read(0).size == (40, 60)


def test_a_png_that_says_behind_its_pixels_how_it_is_turned_is_turned(tmp_path):
  found = made(tmp_path, (6, 1), names=('a.png', 'b.jpg'))
  data = found.pictures[0].read_bytes()
  at = data.index(b'eXIf') - 4
  size = 12 + int.from_bytes(data[at : at + 4], 'big')
  found.pictures[0].write_bytes(data[:at] + data[at + size : -12] + data[at : at + size] + data[-12:])
  assert looked_at(found).turned.tolist() == [6, 1]


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
  found = made(tmp_path)

  def refused(folder):
    raise PermissionError(13, 'Permission denied')

  monkeypatch.setattr(os, 'scandir', refused)
  with pytest.raises(TaskError, match=rf'A folder of pictures can be read\. Received: {tmp_path} \(Permission denied\)\. Change'):
    looked_at(found)


def test_coordinates_of_a_picture_as_it_is_seen_stay(tmp_path):
  found = looked_at(made(tmp_path, (6, 1), ((60, 40), (40, 60))))
  assert found.keypoints[0, 0].tolist() == [20, 20, 2] and found.turned.tolist() == [1, 1]
  assert found.notes == ('people.json: 1 images are turned by EXIF; joints and boxes are of the images as they are seen',)


def test_where_a_size_says_nothing_the_other_pictures_do(tmp_path):
  assert looked_at(made(tmp_path, (3, 1))).turned.tolist() == [1, 1]
  assert looked_at(made(tmp_path, (3, 8))).turned.tolist() == [3, 8]
  assert looked_at(made(tmp_path, (3, 8), ((40, 60), (60, 40)))).turned.tolist() == [1, 1]


def test_both_ways_and_a_picture_that_says_neither_are_refused(tmp_path):
  found = made(tmp_path, (6, 8), ((40, 60), (60, 40)))
  third = picture(tmp_path / 'c.jpg', 3)
  found = dataclasses.replace(
    found, pictures=[*found.pictures, third], shapes=np.asarray([*found.shapes, (40, 60)]), picture_ids=np.asarray([7, 8, 9])
  )
  with pytest.raises(
    TaskError, match=r'Received: both in people\.json, and .*c\.jpg, of which they say neither\. Save all pictures upright'
  ):
    _coco_pictures.looked_at(found, np.arange(3))


def test_a_mirrored_picture_changes_sides(tmp_path):
  found = looked_at(made(tmp_path, (5, 1)))
  assert found.keypoints[0].tolist() == [[0, 0, 0], [20, 20, 2]]
  unpaired = dataclasses.replace(JOINTS, pairs=None)
  with pytest.raises(TaskError, match=r'EXIF mirrors a picture.* Received: .*a\.jpg, and joints without pairs .* in people\.json\. Save'):
    looked_at(made(tmp_path, (5, 1), joints=unpaired))


@pytest.mark.parametrize(('on_disk', 'named'), [('e\u0301.jpg', '\u00e9.jpg'), ('\u00e9.jpg', 'e\u0301.jpg')])
def test_names_in_another_form_of_unicode_are_found(tmp_path, on_disk, named):
  found = made(tmp_path / on_disk[:-4], names=(on_disk, 'b.jpg'))
  pictures = [tmp_path / named[:-4] / name for name in (named, 'b.jpg')]
  assert looked_at(dataclasses.replace(found, pictures=pictures)).pictures == found.pictures


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    (
      {'sizes': ((40, 60), (60, 40))},
      r'that its annotations name\. Received: 60x40 of .*b\.jpg, 40x60 in people\.json\. .* leave them out',
    ),
    ({'sizes': ((40, 0), (41, 0))}, r'Received: 60x40 of .*b\.jpg, 0x41 in'),
    ({'names': ('a.jpg', 'a.jpg')}, r"No two of the images have the same 'file_name'\. Received: .*a\.jpg of 7 and 8 in people\.json"),
  ],
)
def test_files_that_do_not_fit_are_named(tmp_path, change, message):
  with pytest.raises(TaskError, match=message):
    looked_at(made(tmp_path, **change))


def test_files_that_are_missing_or_cut_off_are_named(tmp_path):
  found = made(tmp_path)
  found.pictures[1].write_bytes(found.pictures[1].read_bytes()[:-100])
  with pytest.raises(TaskError, match=r'An image can be decoded\. Received: .*b\.jpg'):
    looked_at(found)
  found.pictures[1].unlink()
  with pytest.raises(TaskError, match=r'is a file that exists\. Received: .*b\.jpg, named by people\.json \(1 such images\)'):
    looked_at(found)
  found.pictures[0].with_name('B.JPG').touch()
  with pytest.raises(TaskError, match=r'b\.jpg, named by .* Add it or remove its annotations\. Did you mean B\.JPG\?'):
    looked_at(found)
  assert _coco_pictures.looked_at(found, np.arange(1)).shapes.tolist() == [[40, 60]] * 2
