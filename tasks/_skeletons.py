"""Pictures of people with their joints drawn over them."""

import colorsys
import math

import numpy as np
from PIL import Image, ImageDraw

from tasks._joints import Joints, side

_SHOWN_PIXELS = 320  # Least longer side of a picture that is drawn on.
_LINE, _DOT = 1 / 80, 1 / 55  # Width and radius, as shares of the longer side.
# First and last hue of the joints: the left side of the body is warm, the right one cold, the middle green.
_HUES = {'left': (-0.06, 0.15), 'right': (0.5, 0.75), '': (0.27, 0.4)}


def drawn(image: np.ndarray, places: np.ndarray, joints: Joints) -> np.ndarray:
  """The picture, enlarged where it is small, with dots at the joints and lines along the limbs: [height, width, 3] uint8.

  Args:
    image: [height, width, 3] uint8.
    places: [joints, 2] (x, y) in pixels as in `_crops`; NaN = not to be drawn.
    joints: those of the person.
  """
  longer = max(image.shape[:2])
  factor = max(1, math.ceil(_SHOWN_PIXELS / longer))
  picture = Image.fromarray(image)
  picture = picture.resize((factor * picture.width, factor * picture.height), Image.Resampling.BILINEAR)
  pen, longer = ImageDraw.Draw(picture), factor * longer
  points, there = places * factor, np.isfinite(places).all(1)
  shades = [tuple(colour) for colour in colours(joints).tolist()]
  for first, second in joints.limbs:
    if there[first] and there[second]:
      pen.line([*points[first].tolist(), *points[second].tolist()], shades[first], max(1, round(_LINE * longer)))
  for point, shade in zip(points[there], [shades[index] for index in np.flatnonzero(there)]):
    pen.circle(point.tolist(), _DOT * longer, shade, (0, 0, 0))
  return np.asarray(picture)


def colours(joints: Joints) -> np.ndarray:
  """[joints, 3] uint8: a colour for each joint, of the hues of its side."""
  sides = [side(name) for name in joints.names]
  found = []
  for index, own in enumerate(sides):
    first, last = _HUES[own]
    share = sides[:index].count(own) / max(1, sides.count(own) - 1)
    found.append(colorsys.hsv_to_rgb((first + (last - first) * share) % 1, 0.85, 1.0))
  return np.rint(255 * np.asarray(found)).astype(np.uint8)
