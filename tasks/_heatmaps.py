"""Joints as heatmaps and heatmaps as joints. Coordinates are as in `_crops`."""

import numpy as np
import tensorflow as tf

COLUMNS_PER_DEVIATION = 24
_QUARTER = 0.25


def gaussians(joints: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor, shape: tuple[int, int]) -> tuple[tf.Tensor, tf.Tensor]:
  """Heatmaps [batch, rows, columns, joints] float32 with 1 where a joint is, and their deviation in cells.

  The deviation is 2 cells at 48 columns (Xiao et al., ECCV 2018, section 3), that is a 24th of the columns, and at least 1 cell.

  Args:
    joints: [batch, joints, 2 or more], x and y first, in pixels of the crop.
    rows: of the heatmaps.
    columns: of the heatmaps.
    shape: (height, width) of the crop in pixels.
  """
  deviation = tf.maximum(tf.cast(columns, tf.float32) / COLUMNS_PER_DEVIATION, 1.0)

  def bells(places: tf.Tensor, count: tf.Tensor, side: int) -> tf.Tensor:
    centres = tf.range(tf.cast(count, tf.float32)) + 0.5
    cells = places * tf.cast(count, tf.float32) / side
    return tf.exp(-tf.square((centres[None, :, None] - cells[:, None, :]) / deviation) / 2)

  across, down = bells(joints[..., 0], columns, shape[1]), bells(joints[..., 1], rows, shape[0])
  return down[:, :, None] * across[:, None], deviation


def squared_error(joints: tf.Tensor, outputs: tf.Tensor, shape: tuple[int, int]) -> tf.Tensor:
  """Loss of each example, [batch] float32: half the weighted squared error, the mean over cells and joints (Xiao et al., section 3).

  An empty answer costs at most about 0.002 at 48x64 cells, which is small beside other losses, but a small network learns from it
  with SGD at a rate of 0.05. A last layer that begins with large weights makes that diverge, also at this scale; see
  `initial_deviation`.

  Args:
    joints: [batch, joints, 3] float32: x, y in pixels of the crop, and the joint's weight.
    outputs: [batch, rows, columns, joints].
    shape: (height, width) of the crop in pixels.
  """
  size = tf.shape(outputs)
  wanted, _ = gaussians(joints, size[1], size[2], shape)
  errors = tf.reduce_mean(tf.square(outputs - wanted), (1, 2))
  return 0.5 * tf.reduce_mean(errors * joints[..., 2], 1)


def decode(outputs: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
  """Joints [batch, joints, 3] float64: x, y in pixels of the crop, and the confidence, which is the heatmap's maximum.

  A joint is at the centre of the highest cell, moved by a quarter of a cell to the higher of its neighbours in each direction (Xiao et
  al., section 3), unless the cell is at the border. A heatmap with a value that is no number has no joint: NaN, NaN, 0.

  Args:
    outputs: [batch, rows, columns, joints].
    shape: (height, width) of the crop in pixels.
  """
  maps = np.moveaxis(np.asarray(outputs, np.float64), -1, 1)
  rows, columns = maps.shape[2:]
  flat = maps.reshape(*maps.shape[:2], -1)
  broken = ~np.isfinite(flat).all(-1)
  best = np.where(broken[..., None], 0.0, flat).argmax(-1)
  row, column = np.divmod(best, columns)

  def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
    cells = np.clip(row, 0, rows - 1) * columns + np.clip(column, 0, columns - 1)
    return np.take_along_axis(flat, cells[..., None], -1)[..., 0]

  with np.errstate(invalid='ignore'):  # Infinities of broken heatmaps.
    right = np.sign(at(row, column + 1) - at(row, column - 1)) * ((column > 0) & (column < columns - 1))
    lower = np.sign(at(row + 1, column) - at(row - 1, column)) * ((row > 0) & (row < rows - 1))
  x = (column + 0.5 + _QUARTER * right) * shape[1] / columns
  y = (row + 0.5 + _QUARTER * lower) * shape[0] / rows
  found = np.stack([x, y, at(row, column)], -1)
  return np.where(broken[..., None], [np.nan, np.nan, 0.0], found)
