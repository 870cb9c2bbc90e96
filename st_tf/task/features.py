"""Simple features of pictures, which linear models learn from."""

import numpy as np
from scipy import ndimage

_SIDE = 32  # Pixels of the picture that features are taken of.
_TINY, _CELLS, _DIRECTIONS, _SHADES = 8, 4, 9, 4
_AROUND = 5  # Side of what is around a place, in places.


def of_pictures(pixels: np.ndarray) -> np.ndarray:
  """[n, 400] float32 of pictures [n, height, width, 3] from 0 to 1: a tiny picture, shares of colours, directions of edges by cell."""
  small = pooled(pixels, (_SIDE, _SIDE))
  shades = np.clip((small * _SHADES).astype(int), 0, _SHADES - 1) @ (1, _SHADES, _SHADES**2)
  colours = np.stack([np.bincount(row, minlength=_SHADES**3) for row in shades.reshape(len(small), -1)]) / _SIDE**2
  down, across = np.gradient(small.mean(-1), axis=(1, 2))
  strength, turn = np.hypot(down, across), np.arctan2(down, across) % np.pi
  direction = np.clip((turn / np.pi * _DIRECTIONS).astype(int), 0, _DIRECTIONS - 1)
  edges = pooled(strength[..., None] * (direction[..., None] == np.arange(_DIRECTIONS)), (_CELLS, _CELLS))
  parts = (pooled(small, (_TINY, _TINY)), np.sqrt(colours), edges)
  return np.concatenate([part.reshape(len(small), -1) for part in parts], 1).astype(np.float32)


def of_places(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
  """[n, rows, columns, 16] float32 of pictures [n, height, width, 3] from 0 to 1: the colours of a place and around it, where it is,
  and the squares of these.

  Args:
    pixels: the pictures.
    shape: (rows, columns) of places.
  """
  near = pooled(pixels, shape)
  around = ndimage.uniform_filter(near, (1, _AROUND, _AROUND, 1), mode='nearest')
  where = np.stack(np.meshgrid(*(np.linspace(-1, 1, count) for count in shape), indexing='ij'), -1)
  views = np.concatenate([near, around, np.broadcast_to(where, (len(near), *where.shape))], -1)
  return np.concatenate([views, views**2], -1).astype(np.float32)


def pooled(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
  """Pictures [n, height, width, channels] as [n, *shape, channels]: the mean of what falls into each cell, and at least one pixel."""
  for axis, cells in enumerate(shape, 1):
    size = pixels.shape[axis]
    starts = np.arange(cells) * size // cells
    ends = np.maximum(np.arange(1, cells + 1) * size // cells, starts + 1)
    counts = (ends - starts).reshape([-1 if other == axis else 1 for other in range(pixels.ndim)])
    pixels = np.add.reduceat(pixels, starts, axis) / counts
  return pixels
