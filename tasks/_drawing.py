"""Procedural pictures of simple shapes: the picture, which pixels the shape covers, and where its key points are."""

import dataclasses
import math

import numpy as np
from PIL import Image, ImageDraw

# How hard the pictures are to tell apart.
SCALE = (0.2, 0.4)  # Radius of a shape, as a share of the side.
ROTATION = math.pi / 5  # Largest turn to either side, in radians.
STRETCH = 0.25  # Largest relative difference of width and height.
BACKGROUND = (0, 160)  # Grey levels of the background's channels; a shape is brighter.
LEAST_CONTRAST = 32  # Smallest difference of mean brightness between shape and background, in grey levels of 255.
CLUTTER = (4, 8)  # Fewest and most distracting strokes and dots.
CLUTTER_CONTRAST = 110  # Largest difference of their channels from the background's, in grey levels of 255.
NOISE = (6, 34)  # Deviation of the pixels' noise, in grey levels of 255.
_SUPERSAMPLING = 3


@dataclasses.dataclass(frozen=True)
class Drawing:
  """One shape.

  Attributes:
    image: [size, size, 3] uint8.
    mask: [size, size] bool, the pixels the shape covers at least half.
    keypoints: [3, 2] float32, (x, y) in pixels of the shape's centre, its top and its right.
  """

  image: np.ndarray
  mask: np.ndarray
  keypoints: np.ndarray


def _regular(corners: int, inner: float = 1.0, start: float = 0.0) -> np.ndarray:
  """[corners, 2] points around the origin, top first; every second one at radius `inner`."""
  turns = 2 * math.pi * np.arange(corners) / corners + start
  radii = np.where(np.arange(corners) % 2, inner, 1.0)
  return np.stack([radii * np.sin(turns), -radii * np.cos(turns)], -1)


def _heart() -> np.ndarray:
  t = np.linspace(0, 2 * math.pi, 40, endpoint=False)
  x = 16 * np.sin(t) ** 3
  y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))
  return np.stack([x, y + 2], -1) / 17


def _crescent() -> np.ndarray:
  outer = np.linspace(0.25 * math.pi, 1.75 * math.pi, 30)
  inner = np.linspace(1.68 * math.pi, 0.32 * math.pi, 30)
  arc = np.stack([np.cos(outer), np.sin(outer)], -1)
  bite = np.stack([0.35 + 0.72 * np.cos(inner), 0.72 * np.sin(inner)], -1)
  return np.concatenate([arc, bite])


def _cross() -> np.ndarray:
  arm = np.asarray([(-0.3, -1), (0.3, -1), (0.3, -0.3)])
  quarter = np.asarray([(0, -1), (1, 0)])  # (x, y) @ quarter = (y, -x): the next arm.
  return np.concatenate([arm @ np.linalg.matrix_power(quarter, turns) for turns in (0, 3, 2, 1)])


# Outlines in a frame of radius 1, y downwards. A ring is a circle with a hole.
OUTLINES = {
  'arrow': np.asarray([(0, -1), (0.75, -0.1), (0.3, -0.1), (0.3, 0.95), (-0.3, 0.95), (-0.3, -0.1), (-0.75, -0.1)]),
  'circle': _regular(40),
  'crescent': _crescent(),
  'cross': _cross(),
  'heart': _heart(),
  'pentagon': _regular(5),
  'ring': _regular(40),
  'square': _regular(4, start=math.pi / 4),
  'star': _regular(10, inner=0.42),
  'triangle': _regular(3),
}
HOLES = {'ring': _regular(40) * 0.55}
KINDS = tuple(OUTLINES)
_KEYPOINTS = np.asarray([(0, 0), (0, -1), (1, 0)])


def draw(kind: str, size: int, rng: np.random.Generator) -> Drawing:
  """A picture of one shape at a random place, in random colours, on clutter, under noise.

  Args:
    kind: one of `KINDS`.
    size: side of the picture in pixels.
    rng: decides everything else.
  """
  transform, offset = _placement(rng)
  background = rng.integers(*BACKGROUND, 3)
  colour = _contrasting(background, rng)
  picture = _clutter(background, rng, size)
  coverage = _coverage(kind, size, transform, offset)
  image = np.asarray(picture, np.float32)
  image = image + (colour - image) * coverage[..., None]
  image = image + rng.standard_normal(image.shape, np.float32) * rng.uniform(*NOISE)
  keypoints = (_KEYPOINTS @ transform.T + offset) * size
  return Drawing(np.clip(image, 0, 255).astype(np.uint8), coverage >= 0.5, keypoints.astype(np.float32))


def _placement(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
  """[2, 2] and [2]: from the outline's frame to the picture, whose side is 1."""
  scale, angle, stretch = rng.uniform(*SCALE), rng.uniform(-ROTATION, ROTATION), rng.uniform(-STRETCH, STRETCH)
  cos, sin = math.cos(angle), math.sin(angle)
  transform = scale * np.asarray([[cos, -sin], [sin, cos]]) @ np.diag([1, 1 - abs(stretch)] if stretch > 0 else [1 - abs(stretch), 1])
  return transform, rng.uniform(scale, 1 - scale, 2)


def _contrasting(background: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  while True:
    colour = rng.integers(0, 256, 3)
    if colour.mean() - background.mean() >= LEAST_CONTRAST:
      return colour


def _clutter(background: np.ndarray, rng: np.random.Generator, size: int) -> Image.Image:
  picture = Image.new('RGB', (size, size), tuple(int(value) for value in background))
  pen = ImageDraw.Draw(picture)
  for _ in range(rng.integers(*CLUTTER, endpoint=True)):
    colour = tuple(int(value) for value in np.clip(background + rng.integers(-CLUTTER_CONTRAST, CLUTTER_CONTRAST + 1, 3), 0, 255))
    start, end = rng.uniform(-0.1, 1.1, (2, 2)) * size
    if rng.random() < 0.6:
      pen.line([tuple(start), tuple(end)], colour, max(1, int(rng.uniform(0.02, 0.12) * size)))
    else:
      radius = rng.uniform(0.04, 0.14) * size
      pen.ellipse([tuple(start - radius), tuple(start + radius)], colour)
  return picture


def _coverage(kind: str, size: int, transform: np.ndarray, offset: np.ndarray) -> np.ndarray:
  """[size, size] float32, share of each pixel that the shape covers."""
  fine = size * _SUPERSAMPLING
  stencil = Image.new('L', (fine, fine))
  pen = ImageDraw.Draw(stencil)
  for outline, value in ((OUTLINES[kind], 255), (HOLES.get(kind), 0)):
    if outline is not None:
      pen.polygon([tuple(point) for point in (outline @ transform.T + offset) * fine], value)
  return np.asarray(stencil.reduce(_SUPERSAMPLING), np.float32) / 255
