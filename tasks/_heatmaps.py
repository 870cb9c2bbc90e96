"""Joints as heatmaps; `st_tf.task.maps.decode` is the way back. Coordinates are as in `_crops`."""

import tensorflow as tf

COLUMNS_PER_DEVIATION = 24


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

  An empty answer costs at most about 0.002 at 48x64 cells, which is small beside other losses.

  Args:
    joints: [batch, joints, 3] float32: x, y in pixels of the crop, and the joint's weight.
    outputs: [batch, rows, columns, joints].
    shape: (height, width) of the crop in pixels.
  """
  size = tf.shape(outputs)
  wanted, _ = gaussians(joints, size[1], size[2], shape)
  errors = tf.reduce_mean(tf.square(outputs - wanted), (1, 2))
  return 0.5 * tf.reduce_mean(errors * joints[..., 2], 1)
