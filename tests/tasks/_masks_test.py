import dataclasses

import numpy as np
from PIL import ExifTags, Image
import pytest

from st_tf.task import TaskError
from tasks import _masks
from tasks._masks import DRAWS, IGNORED, Arrays, Files

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


def files(folder, mask, picture_size=(8, 6), classes=3):
  Image.new('RGB', picture_size).save(folder / 'a.png')
  mask.save(folder / 'm.png')
  return Files([(folder / 'a.png', folder / 'm.png')], np.arange(-1, classes, dtype=np.int32), 'Numbers are 0 to 3.')


def test_files_translate_the_numbers_of_a_mask(tmp_path):
  numbers = np.zeros((6, 8), np.uint8)
  numbers[2:, 3:] = 3
  found = files(tmp_path, Image.fromarray(numbers))
  found.check(0)
  np.testing.assert_array_equal(found.read(0)[1], numbers.astype(int) - 1)
  assert found.size(0) == (6, 8) and len(found.take([0, 0])) == 2


@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
def test_pictures_that_lie_are_put_upright_and_so_is_their_size(tmp_path, orientation):
  upright = (6, 8) if orientation < 5 else (8, 6)
  found = files(tmp_path, Image.fromarray(np.ones(upright, np.uint8)))
  path = tmp_path / 'a.jpg'
  exif = Image.Exif()
  exif[ExifTags.Base.Orientation] = orientation
  Image.new('RGB', (8, 6)).save(path, exif=exif)
  found = dataclasses.replace(found, pairs=[(path, found.pairs[0][1])])
  found.check(0)
  picture, mask = found.read(0)
  assert found.size(0) == upright == mask.shape == (picture.height, picture.width)
  assert len(list(_masks.windows(found, (6, 6)))) == 2


def test_a_palette_of_colours_is_read_as_numbers(tmp_path):
  mask = Image.fromarray(np.full((6, 8), 2, np.uint8)).convert('P')
  mask.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
  mask.putdata([2] * 48)
  assert (files(tmp_path, mask).read(0)[1] == 1).all()


def with_palettes(folder, *masks):
  """Files of masks from (numbers, palette)."""
  pairs = []
  for name, (numbers, palette) in zip('abcdef', masks):
    mask = Image.fromarray(np.asarray([numbers], np.uint8)).convert('P')
    mask.putpalette(palette)
    mask.save(folder / f'{name}.png')
    Image.new('RGB', mask.size).save(folder / f'{name}.jpg')
    pairs.append((folder / f'{name}.jpg', folder / f'{name}.png'))
  return Files(pairs, np.arange(-1, 3, dtype=np.int32), 'Numbers are 0 to 3.')


def test_palettes_that_agree_on_the_numbers_that_occur_are_read(tmp_path):
  # Of number 2 the palettes say different things, but only one mask has it; the last palette ends before it.
  found = with_palettes(tmp_path, ([0, 1, 1], [0, 0, 0, 9, 9, 9, 5, 5, 5]), ([0, 1, 2], [0, 0, 0, 9, 9, 9, 7, 7, 7]), ([0], [0, 0, 0]))
  first, rest = _masks.check([found.take([0]), found.take([1, 2])])
  assert (first + rest).tolist() == [3, 3, 1, 0] and first.tolist() == _masks.check([found.take([0])])[0].tolist() != [3, 3, 1, 0]


@pytest.mark.parametrize('number', [0, 1])
def test_a_number_of_two_colours_is_refused_with_both_masks(tmp_path, number):
  palettes = [[0, 0, 0] * 3 for _ in range(3)]
  palettes[1][3 * number] = palettes[2][3 * number + 2] = 255
  found = with_palettes(tmp_path, ([1 - number], palettes[0]), ([number], palettes[1]), ([0, 1], palettes[2]))
  message = rf'number {number} is \(255, 0, 0\) in .*b\.png and \(0, 0, 255\) in .*c\.png\. Save .* as 8-bit grey'
  with pytest.raises(TaskError, match=message):
    _masks.check([found.take([0, 1]), found.take([2])])


def test_palettes_that_were_made_for_one_mask_each_are_refused(tmp_path):
  found = with_palettes(tmp_path, ([0, 1], [0] * 6), ([0, 1], [0] * 6))
  for (_, path), colour in zip(found.pairs, COLOURS):
    coloured = Image.new('RGB', (2, 1))
    coloured.putpixel((1, 0), tuple(colour.tolist()))
    coloured.convert('P', palette=Image.Palette.ADAPTIVE).save(path)
  with pytest.raises(TaskError, match=r'Masks with a palette give each number one colour\. Received: number \d is'):
    _masks.check([found])


@pytest.mark.parametrize(
  ('mask', 'message'),
  [
    (Image.new('L', (8, 7)), r'A mask has the size of its picture, 8x6 of .*a\.png\. Received: 8x7 of .*m\.png'),
    (Image.new('L', (8, 6), 4), r'Numbers are 0 to 3\. Received: 4 in .*m\.png\. Correct the mask or the list of classes'),
    (
      Image.new('RGB', (8, 6)),
      r"one whole number per pixel .* Received: mode 'RGB' of .*m\.png\. Write the number of its class into each pixel",
    ),
  ],
)
def test_a_bad_mask_is_named_with_the_rule(tmp_path, mask, message):
  found = files(tmp_path, mask)
  for look in (found.check, found.read):
    with pytest.raises(TaskError, match=message):
      look(0)


def test_files_that_are_no_pictures_are_named(tmp_path):
  found = files(tmp_path, Image.new('L', (8, 6)))
  (tmp_path / 'm.png').write_bytes(b'no picture')
  with pytest.raises(TaskError, match=r'A mask is a picture .* Received: .*m\.png'):
    found.check(0)
  (tmp_path / 'a.png').write_bytes(b'no picture')
  with pytest.raises(TaskError, match=r'An image can be decoded\. Received: .*a\.png'):
    found.size(0)
