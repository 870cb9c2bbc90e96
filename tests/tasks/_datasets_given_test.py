import numpy as np
import pytest
import tensorflow as tf

from st_tf.task import TaskError
from tasks import _datasets_given
from tasks._datasets_given import Given, packed, pixels, read, shapes

IMAGES, TARGETS = np.arange(5 * 8 * 9 * 3).reshape(5, 8, 9, 3).astype(np.uint8), np.arange(5)
ROWS = tf.data.Dataset.from_tensor_slices((IMAGES, TARGETS))


def as_pixels(**images):
  """Images of splits as uint8."""
  return pixels({split: Given(f'the {split} split', packed(found), np.zeros(len(found))) for split, found in images.items()})


@pytest.mark.parametrize(
  'given', [(IMAGES, TARGETS), (list(IMAGES), TARGETS.tolist()), (tf.constant(IMAGES), TARGETS), ROWS, ROWS.batch(2), ROWS.batch(5)]
)
def test_arrays_lists_and_datasets_give_the_same_examples(given):
  found = read(given, 'own')
  np.testing.assert_array_equal(found.images, IMAGES)
  np.testing.assert_array_equal(found.targets, TARGETS)
  assert found.source == 'own' and found.images.dtype == np.uint8


def test_a_dataset_without_a_known_shape_is_told_by_its_examples():
  spec = tf.TensorSpec(None, tf.uint8), tf.TensorSpec(None, tf.int64)
  single = tf.data.Dataset.from_generator(lambda: zip(IMAGES, TARGETS), output_signature=spec)
  batched = tf.data.Dataset.from_generator(lambda: [(IMAGES[:3], TARGETS[:3]), (IMAGES[3:], TARGETS[3:])], output_signature=spec)
  for dataset in (single, batched):
    np.testing.assert_array_equal(read(dataset, 'own').images, IMAGES)


def test_images_of_several_sizes_stay_what_they_are():
  found = read(([IMAGES[0], IMAGES[1, :4], IMAGES[2]], [0, 1, 2]), 'own').images
  assert found.dtype == object and [image.shape for image in found] == [(8, 9, 3), (4, 9, 3), (8, 9, 3)]
  assert shapes(found) == {(8, 9, 3), (4, 9, 3)} and shapes(IMAGES) == {(8, 9, 3)}


def test_numbers_of_several_types_become_one():
  assert packed([[1, 2.5], [3, 4]]).tolist() == [[1, 2.5], [3, 4]] and packed([[1, 2], [3]]).dtype == object
  assert packed(['ant', 'horse']).tolist() == ['ant', 'horse']


def test_pixels_are_whole_numbers_or_such_over_255():
  expected = {'train': IMAGES}
  for given in (IMAGES, IMAGES.astype(np.int64), IMAGES.astype(np.float32), IMAGES / 255, (IMAGES / 255).astype(np.float32)):
    np.testing.assert_equal(as_pixels(train=given), expected)
    np.testing.assert_equal(as_pixels(train=list(given)), expected)


def test_whether_they_are_over_255_is_asked_of_all_images_together():
  dark = np.ones((2, 8, 8, 3), np.float32)
  assert as_pixels(train=dark)['train'].max() == 255
  assert as_pixels(train=dark, test=dark * 200)['train'].max() == 1
  assert as_pixels(train=list(dark) + [dark[0] * 7])['train'].max() == 7


class Unusual:
  """No array."""


def repeated():
  return tf.data.Dataset.from_tensor_slices((IMAGES, TARGETS)).repeat()


def of_sizes():
  signature = tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((), tf.int64)
  return tf.data.Dataset.from_generator(lambda: [(IMAGES[0], 0), (IMAGES[0, :4], 1)], output_signature=signature)


def broken():
  return ROWS.map(lambda image, target: (tf.debugging.check_numerics(tf.cast(image, tf.float32) / 0, 'no number'), target))


@pytest.mark.parametrize(
  ('given', 'message'),
  [
    (lambda: IMAGES, r'A split is a tf\.data\.Dataset .* Received: ndarray as own\. Write for example \(images, targets\)'),
    (lambda: (IMAGES, TARGETS, TARGETS), r'A split is a tf\.data\.Dataset .* Received: tuple as own'),
    (lambda: (IMAGES, TARGETS[:4]), r'Every image has a target\. Received: 5 images and 4 targets in own\. Add or remove'),
    (lambda: (IMAGES[:0], TARGETS[:0]), r'A split has at least one example\. Received: an empty one as own\. Add examples or leave'),
    (lambda: ([], []), r'A split has at least one example\. Received: an empty one'),
    (lambda: ROWS.take(0), r'A split has at least one example\. Received: an empty one'),
    (repeated, r'A dataset has an end: .* Received: an endless one as own\. Leave \.repeat\(\) out'),
    (lambda: ROWS.map(lambda image, target: {'image': image}), r"Received: elements \{'image': .* in own\. Map them to two tensors"),
    (lambda: ROWS.map(lambda image, target: (image, target, 1.0)), r'Received: elements \(.* in own\. Map them to two tensors'),
    (lambda: of_sizes().batch(2), r'A batch has images of one size\. Received: .* in own\. Leave \.batch\(\) out'),
    (broken, r'A dataset can be read to its end\. Received: .*no number.* in own\. Correct what it is made of'),
    (
      lambda: tf.data.Dataset.zip(ROWS.batch(3), ROWS.batch(2)).map(lambda first, second: (first[0], second[1])),
      r'Every image has a target\. Received: a batch of 3 images and 2 targets in own\. Batch them together',
    ),
  ],
)
def test_what_is_no_split_is_refused(given, message):
  with pytest.raises(TaskError, match=message):
    read(given(), 'own')


def test_images_of_several_sizes_come_one_by_one():
  assert [image.shape for image in read(of_sizes(), 'own').images] == [(8, 9, 3), (4, 9, 3)]


def test_a_dataset_that_does_not_say_it_is_endless_ends_at_the_memory(monkeypatch):
  monkeypatch.setattr(_datasets_given, '_MOST_BYTES', 10 * IMAGES[0].nbytes)
  endless = repeated().filter(lambda image, target: True)
  assert endless.cardinality() == tf.data.UNKNOWN_CARDINALITY
  with pytest.raises(TaskError, match=r'at most .* per split\. Received: more after 11 images of own\. Give fewer or smaller'):
    read(endless, 'own')


NUMBERS = r'Images have whole numbers from 0 to 255, or .* Received: '


@pytest.mark.parametrize(
  ('images', 'message'),
  [
    (IMAGES[..., 0], r'An image is \[height, width, 3\]\. Received: \[8, 9\] in the train split\. .* np\.repeat\(image\[\.\.\., None\], 3'),
    (IMAGES[..., :1], r'Received: \[8, 9, 1\] .* np\.repeat\(image, 3, -1\)'),
    (np.repeat(IMAGES[..., :1], 4, -1), r'Received: \[8, 9, 4\] .* Leave the transparency out: image\[\.\.\., :3\]'),
    (np.moveaxis(IMAGES, -1, 1), r'Received: \[3, 8, 9\] .* Put the channels last: np\.moveaxis\(image, 0, -1\)'),
    (np.zeros((2, 32, 28, 28), np.uint8), r'Received: \[32, 28, 28\] .* of batches of grey ones np\.repeat'),
    (np.zeros((2, 8, 0, 3), np.uint8), r'Received: \[8, 0, 3\] .* Give images as they are decoded'),
    ([IMAGES[0], IMAGES[0, ..., 0]], r'Received: \[8, 9\] in the train split'),
    (np.where(IMAGES < 9, np.nan, IMAGES), NUMBERS + r'NaN or infinity in image 0 of the train split\. Correct or remove it'),
    (np.where(IMAGES < 9, np.inf, IMAGES), NUMBERS + r'NaN or infinity in image 0 of the train split\. Correct or remove it'),
    ((IMAGES - 127.5) / 127.5, NUMBERS + r'float64 from -1 to 0\.\d+ in image 0 .* before they were normalised'),
    (IMAGES + 0.5, NUMBERS + r'float64 from 0\.5 to 215\.5 in image 0 .* np\.rint\(image\)\.astype\(np\.uint8\)'),
    (IMAGES.astype(np.uint16) * 257, NUMBERS + r'uint16 from 0 to 55255 in image 0'),
    (IMAGES.astype(np.int64) - 1, NUMBERS + r'int64 from -1 to 214 in image 0'),
    (IMAGES > 9, NUMBERS + r'bool in image 0 of the train split\. Write image\.astype\(np\.uint8\)'),
    ([Unusual()] * 2, r'An image is \[height, width, 3\]\. Received: \[\] in the train split'),
  ],
)
def test_what_are_no_images_is_refused_with_the_way_to_what_they_seem_to_be(images, message):
  with pytest.raises(TaskError, match=message):
    as_pixels(train=images)
