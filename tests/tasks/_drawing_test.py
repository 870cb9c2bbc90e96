import numpy as np
import pytest

from tasks import _drawing

SIZE = 64


def drawings(kind, count=20):
  return [_drawing.draw(kind, SIZE, np.random.default_rng(seed)) for seed in range(count)]


@pytest.mark.parametrize('kind', _drawing.KINDS)
def test_a_drawing_has_an_image_a_mask_and_key_points_of_one_shape(kind):
  for drawing in drawings(kind):
    assert drawing.image.shape == (SIZE, SIZE, 3) and drawing.image.dtype == np.uint8
    assert drawing.mask.shape == (SIZE, SIZE) and drawing.mask.dtype == bool
    assert 0.02 < drawing.mask.mean() < 0.6
    assert drawing.keypoints.shape == (3, 2) and drawing.keypoints.dtype == np.float32
    assert (drawing.keypoints[0] >= 0).all() and (drawing.keypoints[0] <= SIZE).all()


@pytest.mark.parametrize('kind', _drawing.KINDS)
def test_a_shape_lies_wholly_in_its_picture(kind):
  for drawing in drawings(kind):
    border = np.concatenate([drawing.mask[0], drawing.mask[-1], drawing.mask[:, 0], drawing.mask[:, -1]])
    assert border.mean() < 0.1


def test_the_same_numbers_draw_the_same_picture():
  first, second, other = (_drawing.draw('star', SIZE, np.random.default_rng(seed)) for seed in (0, 0, 1))
  np.testing.assert_array_equal(first.image, second.image)
  assert (first.image != other.image).any()


def test_the_mask_covers_the_shape_and_the_key_points_mark_it():
  for drawing in drawings('circle'):
    columns, rows = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    centre, top, right = drawing.keypoints
    assert np.asarray([columns[drawing.mask].mean(), rows[drawing.mask].mean()]) == pytest.approx(centre, abs=1)
    # The top and the right of a circle's frame lie on its outline.
    for point in (top, right):
      inside, outside = (centre + share * (point - centre) for share in (0.9, 1.15))
      assert drawing.mask[int(inside[1]), int(inside[0])]
      within = (outside >= 0).all() and (outside < SIZE).all()
      assert not within or not drawing.mask[int(outside[1]), int(outside[0])]
    assert top[1] < centre[1] and right[0] > centre[0]


def test_a_shape_is_brighter_than_what_is_behind_it():
  for drawing in drawings('square', 40):
    assert drawing.image[drawing.mask].mean() > np.median(drawing.image[~drawing.mask], axis=0).mean()


def test_a_ring_has_a_hole_where_a_circle_has_none():
  for ring, circle in zip(drawings('ring'), drawings('circle')):
    x, y = ring.keypoints[0].astype(int)
    assert not ring.mask[y, x] and circle.mask[y, x]
