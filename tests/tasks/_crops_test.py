import math

import numpy as np
from PIL import Image
import pytest

from tasks import _crops

SHAPE = (64, 48)


def placed(point, *args, **kwargs):
  return pytest.approx(_crops.moved(np.asarray(point, np.float64), _crops.to_crop(*args, **kwargs)).tolist())


def test_a_box_of_the_crops_shape_fills_it_but_for_the_padding():
  # A box of 24x32 at (10, 20): 48 pixels of the crop show 24 x 1.25 = 30 of the picture, so that one is 1.6.
  box = (10, 20, 24, 32)
  assert placed((22, 36), box, SHAPE) == [24, 32]
  assert placed((10, 20), box, SHAPE) == [24 - 12 * 1.6, 32 - 16 * 1.6]


def test_of_another_shape_the_longer_side_decides():
  # 24 wide asks for 1.6, 40 high for 64 / (40 x 1.25) = 1.28.
  assert placed((22, 60), (10, 20, 24, 40), SHAPE) == [24, 32 + 20 * 1.28]
  # 36 wide asks for 48 / (36 x 1.25) = 1.0667, 32 high for 1.6.
  assert placed((46, 36), (10, 20, 36, 32), SHAPE) == [24 + 18 * 48 / 45, 32]


def test_zoom_turn_and_mirror_by_hand():
  box = (10, 20, 24, 32)
  # Twice as much is seen: a pixel of the picture is 0.8.
  assert placed((32, 36), box, SHAPE, zoom=2.0) == [24 + 8, 32]
  # A quarter turn clockwise: what was right of the middle is below it.
  assert placed((32, 36), box, SHAPE, angle=math.pi / 2) == [24, 32 + 16]
  assert placed((32, 36), box, SHAPE, flip=True) == [24 - 16, 32]
  # The mirror comes last: below stays below.
  assert placed((32, 36), box, SHAPE, angle=math.pi / 2, flip=True) == [24, 32 + 16]


def test_the_inverse_leads_back():
  matrix = _crops.to_crop((3, 4, 50, 20), SHAPE, 1.2, 0.7, True)
  points = np.random.default_rng(0).uniform(-50, 100, (20, 2))
  np.testing.assert_allclose(_crops.moved(_crops.moved(points, matrix), _crops.inverse(matrix)), points, atol=1e-9)


def test_changes_by_hand():
  # One half is the middle of the normal distribution: nothing changes. Below 0.6 the example is turned, below 0.5 flipped.
  assert _crops.changes(np.asarray([0.5, 0.0, 0.5, 0.9])) == (1.0, 0.0, False)
  # 0.8413 is one deviation, 0.9999 more than any limit: 1.35 and two deviations of the angle.
  zoom, angle, flip = _crops.changes(np.asarray([0.9999, 0.59, 0.8413447, 0.49]))
  assert (zoom, math.degrees(angle), flip) == (pytest.approx(1.35), pytest.approx(45, abs=1e-3), True)
  assert math.degrees(_crops.changes(np.asarray([0, 0.1, 0.0, 0.5]))[1]) == pytest.approx(-90)
  assert _crops.changes(np.asarray([0.0, 0.61, 0.9, 0.5])) == (pytest.approx(0.65), 0.0, False)
  assert _crops.changes(np.asarray([0.5, 0.0, 0.99, 0.5]), turn=0.0)[1] == 0


def test_over_many_draws_changes_are_spread_as_said():
  draws = np.random.default_rng(0).random((4000, _crops.DRAWS))
  zooms, angles, flips = map(np.asarray, zip(*(_crops.changes(draw) for draw in draws)))
  assert zooms.min() == pytest.approx(0.65) and zooms.max() == pytest.approx(1.35) and abs(zooms.mean() - 1) < 0.02
  assert np.degrees(np.abs(angles)).max() == pytest.approx(90) and abs((angles != 0).mean() - 0.6) < 0.03
  assert abs(flips.mean() - 0.5) < 0.03


def test_a_crop_at_its_own_size_is_the_picture_bit_for_bit_and_its_mirror_image_too():
  pixels = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
  # The padding is undone by the zoom.
  for flip in (False, True):
    matrix = _crops.to_crop((0, 0, SHAPE[1], SHAPE[0]), SHAPE, 1 / _crops.PADDING, 0.0, flip)
    np.testing.assert_array_equal(_crops.crop(Image.fromarray(pixels), matrix, SHAPE), pixels[:, ::-1] if flip else pixels)


def spot(x, y, size, sigma):
  """A white spot around a point of a black picture."""
  centres = np.arange(size) + 0.5
  bell = np.exp(-((centres[:, None] - y) ** 2 + (centres - x) ** 2) / (2 * sigma**2))
  return Image.fromarray(np.repeat(np.rint(255 * bell)[..., None], 3, 2).astype(np.uint8))


@pytest.mark.parametrize('side', [40, 120, 400])
def test_what_a_picture_shows_at_a_point_the_crop_shows_at_the_points_image(side):
  """Boxes of 40, 120 and 400 pixels are enlarged, shown about as they are, and shrunk; the picture and the points must agree in all."""
  rng = np.random.default_rng(side)
  for _ in range(20):
    size = 2 * side
    box = np.asarray([*rng.uniform(0.2, 0.4, 2) * size, *rng.uniform(0.3, 0.5, 2) * size])
    x, y = box[:2] + box[2:] * rng.uniform(0.3, 0.7, 2)
    matrix = _crops.to_crop(box, (128, 96), rng.uniform(0.8, 1.3), rng.uniform(-1.5, 1.5), bool(rng.integers(2)))
    weights = _crops.crop(spot(x, y, size, side / 20), matrix, (128, 96))[..., 0].astype(np.float64)
    # Grey from beyond the picture is no part of the spot.
    weights[weights == _crops._OUTSIDE[0]] = 0
    expected = _crops.moved(np.asarray([x, y]), matrix)
    found = [(weights.sum(0) * (np.arange(96) + 0.5)).sum(), (weights.sum(1) * (np.arange(128) + 0.5)).sum()] / weights.sum()
    np.testing.assert_allclose(found, expected, atol=0.15)


def test_a_shrunk_picture_is_averaged_and_not_sampled():
  stripes = np.zeros((256, 256, 3), np.uint8)
  stripes[:, ::2] = 255
  shown = _crops.crop(Image.fromarray(stripes), _crops.to_crop((28, 28, 200, 200), (50, 50)), (50, 50))
  assert 120 < shown.min() <= shown.max() < 135


def test_beyond_the_picture_it_is_grey():
  white = Image.fromarray(np.full((20, 20, 3), 255, np.uint8))
  shown = _crops.crop(white, _crops.to_crop((0, 0, 20, 20), (40, 40)), (40, 40))
  assert shown[0, 0].tolist() == list(_crops._OUTSIDE) and shown[20, 20].tolist() == [255, 255, 255]
