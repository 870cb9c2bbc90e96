import math

import numpy as np
import pytest
import tensorflow as tf

from st_tf.task.maps import decode
from tasks import _crops, _heatmaps


def drawn(points, rows, columns, shape):
  """Heatmaps of points [joints, 2], or of those of several images."""
  points = tf.reshape(tf.constant(points, tf.float32), (-1, *np.shape(points)[-2:]))
  maps, deviation = _heatmaps.gaussians(points, tf.constant(rows), tf.constant(columns), shape)
  return maps.numpy(), float(deviation)


def test_a_gaussian_by_hand():
  # A crop of 32x32 and 8x8 cells of 4 pixels: cell (2, 5) has its centre at x = 22, y = 10. The deviation is the least, 1 cell.
  maps, deviation = drawn([(22.0, 10.0)], 8, 8, (32, 32))
  assert maps.shape == (1, 8, 8, 1) and deviation == 1
  assert maps[0, 2, 5, 0] == 1
  assert maps[0, 2, 6, 0] == maps[0, 3, 5, 0] == pytest.approx(math.exp(-1 / 2))
  assert maps[0, 4, 4, 0] == pytest.approx(math.exp(-5 / 2))


def test_the_deviation_is_two_cells_at_48_columns():
  assert drawn([(0.0, 0.0)], 64, 48, (256, 192))[1] == 2
  assert drawn([(0.0, 0.0)], 128, 96, (256, 192))[1] == 4
  assert drawn([(0.0, 0.0)], 24, 24, (96, 96))[1] == 1


@pytest.mark.parametrize(('shape', 'stride'), [((96, 96), 4), ((256, 192), 4), ((256, 192), 2), ((64, 64), 1), ((90, 70), 4)])
def test_from_the_truth_to_the_heatmap_and_back_is_less_than_a_cell(shape, stride):
  """500 people, in crops that are zoomed, turned and mirrored by random; also where cells do not divide the crop (90x70)."""
  rng = np.random.default_rng(0)
  rows, columns = -(-shape[0] // stride), -(-shape[1] // stride)
  cell = max(shape[0] / rows, shape[1] / columns)
  boxes = np.concatenate([rng.uniform(0, 200, (500, 2)), rng.uniform(20, 300, (500, 2))], 1)
  points = boxes[:, None, :2] + boxes[:, None, 2:] * rng.random((500, 5, 2))
  matrices = [_crops.to_crop(box, shape, *_crops.changes(rng.random(_crops.DRAWS))) for box in boxes]
  cropped = np.stack([_crops.moved(of_one, matrix) for of_one, matrix in zip(points, matrices)])
  # In parts, for the memory's sake.
  found = np.concatenate([decode(drawn(part, rows, columns, shape)[0], shape) for part in np.split(cropped, 10)])[..., :2]
  inside = ((cropped >= 0) & (cropped < shape[::-1])).all(-1)
  middle = inside & ((cropped > cell) & (cropped < np.asarray(shape[::-1]) - cell)).all(-1)
  assert inside.sum() > middle.sum() > 1000
  errors = np.abs(found - cropped)
  # Half a cell at the border, where there is no neighbour; elsewhere a quarter.
  assert errors[inside].max() <= 0.51 * cell and errors[middle].max() <= 0.26 * cell
  for i, matrix in enumerate(matrices):
    back = _crops.moved(found[i, inside[i]], _crops.inverse(matrix))
    size = cell / math.sqrt(abs(np.linalg.det(matrix[:, :2])))  # Of a cell, in pixels of the picture.
    assert np.hypot(*(back - points[i, inside[i]]).T).max(initial=0) <= size


def test_there_is_no_bias_to_any_side():
  """Errors of many places cancel out: a convention that is half a pixel or half a cell off would not."""
  points = np.random.default_rng(0).uniform(20, 76, (4000, 2))
  found = decode(drawn(points, 24, 24, (96, 96))[0], (96, 96))[0]
  np.testing.assert_allclose((found[:, :2] - points).mean(0), 0, atol=0.03)


def test_the_mirror_image_of_a_heatmap_is_the_heatmap_of_the_mirror_image():
  """Why the flip test shifts nothing."""
  points = np.random.default_rng(0).uniform(0, 96, (20, 2))
  mirrored = np.stack([96 - points[:, 0], points[:, 1]], 1)
  np.testing.assert_allclose(drawn(mirrored, 24, 24, (96, 96))[0][:, :, ::-1], drawn(points, 24, 24, (96, 96))[0], atol=1e-5)


def test_the_loss_by_hand():
  # A perfect answer costs nothing. One that is 0.5 too high in 10 of the 64 cells of one joint of two costs 0.5 x 10 x 0.25 / 64 / 2.
  joints = np.asarray([[[22.0, 10, 1], [6, 6, 1]]], np.float32)
  maps = drawn(joints[0, :, :2], 8, 8, (32, 32))[0]
  off = maps.copy()
  off[0, :5, :2, 1] += 0.5
  losses = _heatmaps.squared_error(tf.constant(np.concatenate([joints] * 2)), tf.constant(np.concatenate([maps, off])), (32, 32))
  np.testing.assert_allclose(losses, [0, 0.5 * 10 * 0.25 / 64 / 2], atol=1e-6)


@pytest.mark.parametrize(('rows', 'columns'), [(64, 48), (128, 96)])
def test_an_empty_answer_costs_the_same_at_every_resolution(rows, columns):
  # The square of a Gaussian of deviation s sums to pi s^2; here s is a 24th of the columns. Two of the four joints count.
  joints = np.asarray([[[100.0, 100, 1], [90, 120, 1], [0, 0, 0], [-40, 90, 0]]], np.float32)
  loss = _heatmaps.squared_error(tf.constant(joints), tf.zeros((1, rows, columns, 4)), (256, 192))
  np.testing.assert_allclose(loss, [2 / 4 * 0.5 * math.pi * 4 / (64 * 48)], rtol=1e-3)


def test_a_joint_without_weight_pulls_at_nothing():
  outputs = tf.Variable(np.random.default_rng(0).normal(size=(2, 8, 8, 2)).astype(np.float32))
  joints = np.zeros((2, 2, 3), np.float32)
  joints[0, 0] = 10, 10, 1
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(_heatmaps.squared_error(tf.constant(joints), outputs, (32, 32)))
  gradient = tape.gradient(loss, outputs).numpy()
  assert np.abs(gradient[0, ..., 0]).min() > 0
  assert not gradient[0, ..., 1].any() and not gradient[1].any()
