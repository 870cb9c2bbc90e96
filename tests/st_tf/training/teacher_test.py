import numpy as np
import pytest
import tf_keras as keras

from st_tf.task.normalisation import Normalisation
from st_tf.training.teacher import Teacher, distillation

RNG = np.random.default_rng(0)


def test_equal_outputs_are_no_distance_apart():
  logits = RNG.normal(size=(3, 5)).astype(np.float32)
  np.testing.assert_allclose(distillation('classification', logits + 7, logits, 2.0), 0, atol=1e-6)
  np.testing.assert_allclose(distillation('keypoints', logits, logits, 2.0), 0)


def test_classes_are_compared_by_softened_probabilities():
  # At temperature 2 these are probabilities of 3/4, 1/4 and 1/2, 1/2.
  taught, outputs = np.float32([[2 * np.log(3), 0]]), np.float32([[0, 0]])
  expected = 4 * (0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5))
  np.testing.assert_allclose(distillation('classification', outputs, taught, 2.0), [expected], rtol=1e-5)


def test_maps_are_compared_at_every_position():
  taught, outputs = (RNG.normal(size=(2, 4, 3, 5)).astype(np.float32) for _ in range(2))
  each = [distillation('classification', outputs[:, row, column], taught[:, row, column], 1.0) for row in range(4) for column in range(3)]
  np.testing.assert_allclose(distillation('segmentation', outputs, taught, 1.0), np.mean(each, 0), rtol=1e-5)
  np.testing.assert_allclose(distillation('keypoints', outputs, taught, 1.0), np.square(outputs - taught).mean((1, 2, 3)), rtol=1e-5)


def test_a_teacher_sees_images_as_it_was_trained_on_them():
  image = keras.Input((2, 2, 3))
  teacher = Teacher(keras.Model(image, keras.layers.Flatten()(image)), Normalisation((0.5, 0.25, 0.0), (0.5, 1.0, 2.0)))
  given, pixels = Normalisation((0.1, 0.2, 0.3), (0.4, 0.5, 0.6)), RNG.integers(0, 256, (1, 2, 2, 3), np.uint8)
  seen = teacher(given.normalised(pixels), given)
  np.testing.assert_allclose(seen, teacher.normalisation.normalised(pixels).reshape(1, -1), atol=1e-5)


@pytest.mark.parametrize(('outputs', 'macs'), [(3, 12 * 3), (5, 12 * 5)])
def test_it_costs_a_forward_pass(outputs, macs):
  image = keras.Input((2, 2, 3))
  answers = keras.layers.Dense(outputs)(keras.layers.Flatten()(image))
  assert Teacher(keras.Model(image, answers), Normalisation((0.0,) * 3, (1.0,) * 3)).macs == macs
