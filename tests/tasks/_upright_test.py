import numpy as np
from PIL import ExifTags, Image, ImageOps
import pytest

from tasks import _upright


@pytest.mark.parametrize('orientation', range(1, 9))
def test_a_point_lies_where_pillow_puts_its_pixel(tmp_path, orientation):
  stored = np.zeros((5, 8, 3), np.uint8)
  stored[1, 6] = 255
  exif = Image.Exif()
  exif[ExifTags.Base.Orientation] = orientation
  Image.fromarray(stored).save(tmp_path / 'a.png', exif=exif)
  seen = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / 'a.png')))
  (row,), (column,) = np.nonzero(seen[..., 0])
  shapes, orientations = np.asarray([seen.shape[:2]]), np.asarray([orientation])
  assert _upright.points(np.asarray([[[6.5, 1.5]]]), orientations, shapes).tolist() == [[[column + 0.5, row + 0.5]]]
  box = _upright.boxes(np.asarray([[6.0, 1.0, 1.0, 1.0]]), orientations, shapes)
  assert box.tolist() == [[column, row, 1, 1]]
  wide = _upright.boxes(np.asarray([[0.0, 1.0, 7.0, 1.0]]), orientations, shapes)[0]
  assert wide[2:].tolist() == ([1, 7] if orientation in _upright.LYING else [7, 1])
  there = seen[int(wide[1]) : int(wide[1] + wide[3]), int(wide[0]) : int(wide[0] + wide[2]), 0]
  assert there.any() and there.size == 7
