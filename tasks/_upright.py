"""Places in a picture as its file stores it, taken to the picture as it is seen: what an orientation in EXIF does to coordinates."""

import numpy as np

from st_tf.task.pictures import LYING

MIRRORED = (2, 4, 5, 7)
_X_FROM_RIGHT, _Y_FROM_BELOW = (2, 3, 6, 7), (3, 4, 7, 8)


def points(stored: np.ndarray, orientations: np.ndarray, shapes: np.ndarray) -> np.ndarray:
  """Points [n, ..., 2] (x, y) in upright pictures.

  Args:
    stored: in the pictures as they are stored; coordinates are as in `_crops`.
    orientations: [n] of each one's picture, 1 to 8 as in EXIF; 1 = it is stored as it is seen.
    shapes: [n, 2] (height, width) of the upright pictures.
  """
  over = (slice(None), *[None] * (stored.ndim - 2))
  orientations, (heights, widths) = orientations[over], (side[over] for side in np.moveaxis(shapes, 1, 0))
  x, y = stored[..., 0], stored[..., 1]
  lies = np.isin(orientations, LYING)
  x, y = np.where(lies, y, x), np.where(lies, x, y)
  x = np.where(np.isin(orientations, _X_FROM_RIGHT), widths - x, x)
  return np.stack([x, np.where(np.isin(orientations, _Y_FROM_BELOW), heights - y, y)], -1)


def boxes(stored: np.ndarray, orientations: np.ndarray, shapes: np.ndarray) -> np.ndarray:
  """Boxes [n, 4] (x, y, width, height), likewise."""
  corners = points(np.stack([stored[:, :2], stored[:, :2] + stored[:, 2:]], 1), orientations, shapes)
  sizes = np.where(np.isin(orientations, LYING)[:, None], stored[:, :1:-1], stored[:, 2:])
  turned = np.concatenate([corners.min(1), sizes], 1)
  return np.where((orientations == 1)[:, None], stored, turned)  # Bad boxes are shown as they came.
