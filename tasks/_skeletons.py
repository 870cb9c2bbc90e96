"""Colours of joints."""

import colorsys

import numpy as np

from tasks._joints import Joints, side

# First and last hue of the joints: the left side of the body is warm, the right one cold, the middle green.
_HUES = {'left': (-0.06, 0.15), 'right': (0.5, 0.75), '': (0.27, 0.4)}
_ALL_HUES = (0.0, 0.8)


def colours(joints: Joints) -> np.ndarray:
  """[joints, 3] uint8: a colour for each joint, of the hues of its side; of all hues where no joint has a side."""
  sides = [side(name) for name in joints.names]
  hues = _HUES if any(sides) else {'': _ALL_HUES}
  shades = []
  for index, own in enumerate(sides):
    first, last = hues[own]
    share = sides[:index].count(own) / max(1, sides.count(own) - 1)
    shades.append(colorsys.hsv_to_rgb((first + (last - first) * share) % 1, 0.85, 1.0))
  return np.rint(255 * np.asarray(shades)).astype(np.uint8)


def written_colours(joints: Joints) -> list[str]:
  """The colours of `colours` as '#rrggbb'."""
  return ['#' + bytes(colour).hex() for colour in colours(joints).tolist()]
