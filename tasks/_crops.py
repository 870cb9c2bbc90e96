"""The part of a picture that shows one person, and how points go from the one to the other.

One convention holds everywhere, from a box to a heatmap: coordinates are lengths in pixels from the outer corner of the top left
pixel, whose centre thus is (0.5, 0.5); the opposite corner is (width, height). A heatmap of n columns covers its crop exactly:
the centre of cell i is at (i + 0.5) * width / n. So a mirror is x -> width - x, and column i is column n - 1 - i there, whatever
the stride. Pillow counts the same way.
"""

import math
from statistics import NormalDist

import numpy as np
from PIL import Image

PADDING = 1.25  # A crop is larger than its box, in which joints may lie at the very border.
DRAWS = 4  # Scale, whether to turn, angle, flip.
TURN = 45.0  # Deviation of the angle, in degrees.
_ZOOM = 0.35  # Deviation of the scale, and its largest.
_TURNED = 0.6  # Share of the examples that are turned.
_OUTSIDE = (124, 116, 104)  # Mean of photographs: normalised it is 0.


def to_crop(box: np.ndarray, shape: tuple[int, int], zoom: float = 1.0, angle: float = 0.0, flip: bool = False) -> np.ndarray:
  """[2, 3] float64: the map from the picture to the crop, both in pixels.

  The crop has the box in its middle, enlarged to the crop's shape and by `PADDING`.

  Args:
    box: (x, y, width, height) in the picture.
    shape: (height, width) of the crop.
    zoom: how much more of the picture than that is seen.
    angle: by which the person is turned, in radians, clockwise as seen.
    flip: whether the crop is mirrored, after all else.
  """
  x, y, across, down = (float(value) for value in box)
  height, width = shape
  scale = min(width / across, height / down) / (PADDING * zoom)
  cos, sin = scale * math.cos(angle), scale * math.sin(angle)
  linear = np.asarray([[cos, -sin], [sin, cos]])
  shift = np.asarray([width / 2, height / 2]) - linear @ (x + across / 2, y + down / 2)
  matrix = np.concatenate([linear, shift[:, None]], 1)
  if flip:
    matrix[0] = [0, 0, width] - matrix[0]
  return matrix


def changes(draw: np.ndarray, turn: float = TURN) -> tuple[float, float, bool]:
  """(zoom, angle in radians, flip) as Simple Baselines has them (Xiao et al., ECCV 2018, section 3 and its code).

  The zoom is normal around 1; 60% of the examples are turned, by a normal angle of at most two deviations; half are flipped.

  Args:
    draw: [DRAWS] in [0, 1).
    turn: deviation of the angle, in degrees.
  """
  zoom, angle = (NormalDist().inv_cdf(min(max(float(value), 1e-6), 1 - 1e-6)) for value in (draw[0], draw[2]))
  turned = draw[1] < _TURNED
  return 1 + _ZOOM * min(max(zoom, -1.0), 1.0), math.radians(turn) * min(max(angle, -2.0), 2.0) * bool(turned), bool(draw[3] < 0.5)


def moved(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
  """Points [..., 2] under a map [2, 3]."""
  return points @ matrix[:, :2].T + matrix[:, 2]


def inverse(matrix: np.ndarray) -> np.ndarray:
  """The map [2, 3] back."""
  back = np.linalg.inv(matrix[:, :2])
  return np.concatenate([back, -back @ matrix[:, 2:]], 1)


def crop(picture: Image.Image, matrix: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
  """[height, width, 3] uint8: what the map [2, 3] makes of the picture, read off bilinearly; beyond the picture it is grey.

  A picture that is seen at less than half its size is first shrunk by whole pixels, lest most of them go unseen.
  """
  back = inverse(matrix)
  step = int(math.sqrt(abs(np.linalg.det(back[:, :2]))))
  if step > 1:
    picture, back = picture.reduce(step), back / step
  size = shape[1], shape[0]
  return np.asarray(picture.transform(size, Image.Transform.AFFINE, back.ravel().tolist(), Image.Resampling.BILINEAR, fillcolor=_OUTSIDE))
