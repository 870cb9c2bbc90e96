"""Golden vectors say what Pillow and NumPy say."""

import numpy as np

from tflite import vectors


def cases():
  """(pixels [height, width, 4], (out_height, out_width), keep, expected [out_height, out_width, 3]) of each line."""
  for line in vectors.crops().splitlines():
    *numbers, keep, pixels, expected = line.split()
    width, height, out_height, out_width = map(int, numbers)
    pixels, expected = (np.frombuffer(bytes.fromhex(text), np.uint8) for text in (pixels, expected))
    yield pixels.reshape(height, width, 4), (out_height, out_width), float(keep), expected.reshape(out_height, out_width, 3)


def test_a_picture_of_the_right_size_stays_but_for_white_behind_what_is_transparent():
  (found,) = ((pixels.astype(int), expected) for pixels, size, keep, expected in cases() if pixels.shape[:2] == size and keep == 1)
  pixels, expected = found
  alpha = pixels[..., 3:]
  assert alpha.min() < 100 < alpha.max()
  exact = (pixels[..., :3] * alpha + 255 * (255 - alpha)) / 255
  assert np.abs(expected - exact).max() <= 0.5


def test_some_pictures_are_transparent_and_some_are_not():
  assert sorted({bool((pixels[..., 3] == 255).all()) for pixels, *_ in cases()}) == [False, True]


def test_half_the_size_is_what_a_triangle_filter_gives():
  ((pixels, expected),) = ((pixels, expected) for pixels, size, _, expected in cases() if size == (32, 32))
  assert (pixels[..., 3] == 255).all() and pixels.shape == (64, 64, 4)
  pixels = pixels[..., :3].astype(float)
  weights = np.array([1, 3, 3, 1]) / 8
  rows = np.stack([np.tensordot(weights, pixels[2 * i - 1 : 2 * i + 3], 1) for i in range(1, 31)])
  inner = np.stack([np.tensordot(weights, rows[:, 2 * i - 1 : 2 * i + 3], (0, 1)) for i in range(1, 31)], 1)
  assert np.abs(inner - expected[1:31, 1:31]).max() <= 1


def test_guesses_are_sorted_and_equal_ones_keep_their_order():
  for line in vectors.guesses(top=3).splitlines():
    logits, indices, shares = ([float(number) for number in column.split(',')] for column in line.split())
    exponentials = np.exp(np.array(logits) - max(logits))
    order = sorted(range(len(logits)), key=lambda index: (-logits[index], index))[:3]
    assert indices == order
    np.testing.assert_allclose(shares, (exponentials / exponentials.sum())[order], rtol=1e-12)


def test_maps_are_those_of_a_file_and_what_is_found_in_them_counts_for_the_guesses():
  kinds = []
  for line in vectors.maps().splitlines():
    kind, *numbers, values, found, indices, shares = line.split()
    rows, columns, labels, repeats, height, width = map(int, numbers)
    values, found, shares = (np.array(list(map(float, column.split(',')))) for column in (values, found, shares))
    blocks = values.reshape(rows // repeats, repeats, columns // repeats, repeats, labels)
    np.testing.assert_array_equal(blocks, np.broadcast_to(blocks[:, :1, :, :1], blocks.shape))
    if kind == 'segmentation':
      expected = np.bincount(found.reshape(height, width).astype(int).ravel(), minlength=labels) / (height * width)
    else:
      expected = values.reshape(-1, labels).max(0).clip(0, 1)
    np.testing.assert_array_equal(shares, expected[list(map(int, indices.split(',')))])
    assert (np.diff(shares) <= 0).all()
    kinds.append(kind)
  assert set(kinds) == {'segmentation', 'keypoints'}


def test_a_joint_lies_a_quarter_of_a_place_towards_the_higher_neighbour():
  output = np.float32([[0, 1, 0], [3, 9, 2], [0, 4, 0]])[..., None]
  assert vectors.map_line(output, 1, (30, 30), 'keypoints').split()[-3:] == ['12.5,17.5,9.0', '0', '1.0']


def test_labels_of_pixels_are_those_of_the_nearest_place_of_two():
  output = np.float32([[[1, 0], [0, 1]]])
  assert vectors.map_line(output, 2, (1, 4), 'segmentation').split()[1:7] == ['2', '4', '2', '2', '1', '4']
  assert vectors.map_line(output, 2, (1, 4), 'segmentation').split()[-3:] == ['0,0,1,1', '0,1', '0.5,0.5']
