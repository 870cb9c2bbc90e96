"""What maps say, for those who have a ticket and not its task: the label of every pixel, the joints, and both drawn over a picture."""

from collections.abc import Sequence
import math

import numpy as np
from PIL import Image, ImageDraw

SHOWN_CONFIDENCE = 0.2  # From which a joint counts as found.
_QUARTER = 0.25
_SHOWN_PIXELS = 320  # Least longer side of a picture that is drawn on.
_LINE, _DOT = 1 / 80, 1 / 55  # Width and radius, as shares of the longer side.
_COLOUR_SHARE = 0.55  # Of a label's colour in its pixels.


def labelled(output: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
  """The label with the largest value at every pixel, the map enlarged bilinearly: [height, width] int64.

  Args:
    output: [rows, columns, labels].
    shape: (height, width) of the picture in pixels.
  """
  import tensorflow as tf

  return tf.image.resize(output, shape).numpy().argmax(-1)


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
  joints = np.stack([x, y, at(row, column)], -1)
  return np.where(broken[..., None], [np.nan, np.nan, 0.0], joints)


def with_labels(picture: np.ndarray, labels: np.ndarray, colours: np.ndarray) -> np.ndarray:
  """The picture under the colours of its labels: [height, width, 3] uint8.

  Args:
    picture: [height, width, 3] uint8.
    labels: [height, width] label numbers.
    colours: [labels, 3] uint8.
  """
  return np.rint((1 - _COLOUR_SHARE) * picture + _COLOUR_SHARE * colours[labels]).astype(np.uint8)


def with_joints(picture: np.ndarray, places: np.ndarray, limbs: Sequence[Sequence[int]], colours: np.ndarray) -> np.ndarray:
  """The picture, enlarged where it is small, with dots at the joints and lines along the limbs: [height, width, 3] uint8.

  Args:
    picture: [height, width, 3] uint8.
    places: [joints, 2] (x, y) in pixels; NaN = not to be drawn.
    limbs: pairs of joints.
    colours: [joints, 3] uint8; a limb has that of its first joint.
  """
  longer = max(picture.shape[:2])
  factor = max(1, math.ceil(_SHOWN_PIXELS / longer))
  canvas = Image.fromarray(picture)
  canvas = canvas.resize((factor * canvas.width, factor * canvas.height), Image.Resampling.BILINEAR)
  pen, longer = ImageDraw.Draw(canvas), factor * longer
  points, there = places * factor, np.isfinite(places).all(1)
  shades = [tuple(colour) for colour in colours.tolist()]
  for first, second in limbs:
    if there[first] and there[second]:
      pen.line([*points[first].tolist(), *points[second].tolist()], shades[first], max(1, round(_LINE * longer)))
  for point, shade in zip(points[there], [shades[index] for index in np.flatnonzero(there)]):
    pen.circle(point.tolist(), _DOT * longer, shade, (0, 0, 0))
  return np.asarray(canvas)


def read_colours(written: Sequence[str]) -> np.ndarray:
  """[n, 3] uint8 of colours as '#rrggbb'."""
  return np.asarray([list(bytes.fromhex(colour.removeprefix('#'))) for colour in written], np.uint8)
