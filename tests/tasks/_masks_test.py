import numpy as np
from PIL import Image
import pytest

from tasks import _masks
from tasks._masks import DRAWS, IGNORED, Arrays

COLOURS = np.asarray([(250, 20, 20), (20, 250, 20), (20, 20, 250), (240, 240, 30)], np.uint8)


def painted(height, width, seed=0):
  """A picture whose colours are its mask: rectangles of four classes."""
  rng = np.random.default_rng(seed)
  mask = np.zeros((height, width), np.int32)
  for label in (1, 2, 3, 1, 2):
    top, left = rng.integers(0, height - 12), rng.integers(0, width - 12)
    mask[top : top + rng.integers(10, height), left : left + rng.integers(10, width)] = label
  return Image.fromarray(COLOURS[mask]), mask


def classes_of(pixels):
  """(class of the nearest colour, whether it is near) of every pixel."""
  distances = np.abs(pixels[:, :, None].astype(int) - COLOURS).sum(-1)
  return distances.argmin(-1), distances.min(-1) < 40


def without_recolouring(rng):
  return np.concatenate([rng.random(4), np.full(4, 0.9)]).astype(np.float32)


def test_picture_and_mask_stay_aligned_whatever_is_drawn():
  rng, checked = np.random.default_rng(1), 0
  for seed in range(60):
    picture, mask = painted(int(rng.integers(30, 90)), int(rng.integers(30, 90)), seed)
    pixels, labels = _masks.augmented(picture, mask, without_recolouring(rng), (48, 56))
    assert pixels.shape == (48, 56, 3) and labels.shape == (48, 56)
    found, clear = classes_of(pixels)
    # Blends of two colours lie between classes; all other pixels must have the colour of their class.
    counted = clear & (labels != IGNORED)
    assert (found == labels)[counted].mean() > 0.995, seed
    checked += int(counted.sum())
  assert checked > 60_000


def test_an_alignment_off_by_one_would_be_noticed():
  picture, mask = painted(60, 60, 3)
  found, clear = classes_of(np.asarray(picture))
  assert (found == mask)[clear].all() and (found[:, 1:] == mask[:, :-1])[clear[:, 1:]].mean() < 0.99


def test_a_flip_mirrors_both():
  picture, mask = painted(48, 48)
  draw = np.float32([1 / 3, 0, 0, 0.9, 0.9, 0.9, 0.9, 0.9])  # Scale 1, no flip, no colours.
  straight = _masks.augmented(picture, mask, draw, (48, 48))
  np.testing.assert_array_equal(straight[0], np.asarray(picture))
  np.testing.assert_array_equal(straight[1], mask)
  draw[3] = 0.1
  mirrored = _masks.augmented(picture, mask, draw, (48, 48))
  np.testing.assert_array_equal(mirrored[0], np.asarray(picture)[:, ::-1])
  np.testing.assert_array_equal(mirrored[1], mask[:, ::-1])


def test_scales_reach_from_half_to_twice():
  picture, mask = painted(40, 40)
  small = _masks.augmented(picture, mask, np.float32([0, 0, 0, 0.9, *[0.9] * 4]), (40, 40))
  assert (small[1][:20, :20] != IGNORED).all() and (small[1][20:] == IGNORED).all() and (small[1][:, 20:] == IGNORED).all()
  large = _masks.augmented(picture, mask, np.float32([1, 0, 0, 0.9, *[0.9] * 4]), (40, 40))
  np.testing.assert_array_equal(large[1], mask[:20, :20].repeat(2, 0).repeat(2, 1))


def test_recolouring_changes_colours_only_where_it_is_drawn():
  picture, _ = painted(40, 40)
  np.testing.assert_array_equal(np.asarray(_masks.recoloured(picture, np.full(4, 0.9))), np.asarray(picture))
  for place in range(4):
    draw = np.full(4, 0.9)
    draw[place] = 0.05
    assert (np.asarray(_masks.recoloured(picture, draw)) != np.asarray(picture)).any(), place
  darker = np.asarray(_masks.recoloured(picture, np.asarray([0.0, 0.9, 0.9, 0.9])))
  np.testing.assert_allclose(darker, 0.875 * np.asarray(picture), atol=1)


@pytest.mark.parametrize('overlap', [0.0, 0.5, 0.8, 0.9999])
@pytest.mark.parametrize(('size', 'shape'), [((50, 65), (20, 25)), ((20, 25), (20, 25)), ((15, 65), (20, 25)), ((21, 26), (20, 25))])
def test_windows_show_every_pixel_exactly_once(size, shape, overlap):
  picture, mask = painted(*size)
  seen = np.zeros(size, int)
  for corner in _masks.corners(size, shape, overlap):
    pixels, labels = _masks.window(picture, mask, corner, shape, overlap)
    assert pixels.shape == (*shape, 3) and labels.shape == shape
    top, left = corner
    rows, columns = np.nonzero(labels != IGNORED)
    np.testing.assert_array_equal(labels[rows, columns], mask[rows + top, columns + left])
    np.testing.assert_array_equal(pixels[rows, columns], np.asarray(picture)[rows + top, columns + left])
    seen[rows + top, columns + left] += 1
  assert (seen == 1).all()


def test_windows_overlap_by_at_least_the_share_asked_for_and_are_no_more_than_that_takes():
  assert _masks.corners((40, 100), (40, 50)) == [(0, 0), (0, 50)]
  assert _masks.corners((40, 100), (40, 50), 0.5) == [(0, 0), (0, 25), (0, 50)]
  assert _masks.corners((40, 48), (40, 40), 0.8) == [(0, 0), (0, 8)]
  assert _masks.corners((40, 43), (40, 40), 0.9999) == [(0, 0), (0, 1), (0, 2), (0, 3)]
  assert _masks.corners((40, 101), (40, 50), 0.5) == [(0, 0), (0, 17), (0, 34), (0, 51)]


def test_with_overlap_pixels_count_far_from_the_border_of_their_window():
  picture, mask = painted(40, 100)
  _, labels = _masks.window(picture, mask, (0, 25), (40, 50), 0.5)
  assert (labels[:, 13:37] != IGNORED).all() and (labels[:, :12] == IGNORED).all() and (labels[:, 38:] == IGNORED).all()


def test_batches_depend_on_the_draws_alone_and_a_start_leaves_out_what_came_before():
  pictures, masks = zip(*(painted(24, 24, seed) for seed in range(7)))
  images = Arrays(np.stack([np.asarray(picture) for picture in pictures]), np.stack(masks))
  draws = np.random.default_rng(0).random((7, DRAWS), np.float32)
  order = np.asarray([3, 1, 0, 6, 2, 5, 4])
  first, second = (list(_masks.training_batches(images, order, 2, draws, (16, 16)).as_numpy_iterator()) for _ in range(2))
  assert len(first) == 3 and first[0][0].dtype == np.uint8 and first[0][1].dtype == np.int32
  for one, other in zip(first, second):
    np.testing.assert_array_equal(one[0], other[0])
  later = list(_masks.training_batches(images, order[2:], 2, draws, (16, 16)).as_numpy_iterator())
  np.testing.assert_array_equal(later[0][1], first[1][1])
  scored = list(_masks.scoring_batches(images, 3, (16, 16)).as_numpy_iterator())
  assert sum(len(pixels) for pixels, _ in scored) == 7 * 4, 'a picture of 24 takes two windows of 16 each way'
  rest = list(_masks.scoring_batches(images, 3, (16, 16), start_batch=2).as_numpy_iterator())
  np.testing.assert_array_equal(rest[0][0], scored[2][0])


def test_arrays_say_which_classes_each_mask_shows():
  masks = np.asarray([[[0, IGNORED]], [[2, 1]], [[IGNORED, IGNORED]]], np.int32)
  shown = Arrays(np.zeros((3, 1, 2, 3), np.uint8), masks).shown(4)
  assert shown.tolist() == [[True, False, False, False], [False, True, True, False], [False] * 4]
