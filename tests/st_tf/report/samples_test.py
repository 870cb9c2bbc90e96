"""Samples are drawn blindly, and shown as the pictures they were."""

import base64
import io

import numpy as np
from PIL import Image

from st_tf.report.samples import address, collect


def _shown(image):
  return Image.open(io.BytesIO(base64.b64decode(address(image).removeprefix('data:image/png;base64,'))))


def test_small_images_are_enlarged_without_smoothing():
  image = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
  np.testing.assert_array_equal(np.asarray(_shown(image)), image.repeat(40, 0).repeat(40, 1))


def test_large_images_are_reduced():
  assert _shown(np.zeros((400, 300, 3), np.uint8)).size == (120, 160)


def test_the_choice_is_seeded_and_does_not_look_at_answers(shapes):
  def says(index):
    return lambda images: np.eye(10)[[index] * len(images)] * 9

  first, again, other = (collect(shapes, model, 5, seed=seed) for model, seed in ((says(0), 1), (says(3), 1), (says(0), 2)))
  truths = [[sample.truth for sample in samples] for samples in (first, again, other)]
  assert len(first) == 5 and truths[0] == truths[1]
  assert any((a.pictures[0][1] != b.pictures[0][1]).any() for a, b in zip(first, other))
  assert {sample.guesses[0][0] for sample in again} == {shapes.labels[3]}


def test_a_small_split_gives_what_it_has(shapes):
  count = shapes.sizes['validation']
  assert len(collect(shapes, lambda images: np.zeros((len(images), 10)), count + 7, 'validation')) == count
