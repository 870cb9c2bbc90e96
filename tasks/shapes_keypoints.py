"""Procedural pictures of ten shapes with three key points each: nothing to download, for demos and tests.

A shape stands for a person. Its points are its centre, its top and its right; in a mirror they are other points, so that these
pictures are never mirrored, nor turned further than they are drawn.
"""

import numpy as np

from st_tf.task import DataConfig, Task, TaskError, refuse
from tasks import _drawing
from tasks._joints import DEFAULT_SIGMA, Joints
from tasks._keypoints import KeypointTask
from tasks._people import Annotations, People, true_people
from tasks._sizes import shape

SIZES = {'train': 2000, 'validation': 250, 'test': 500}
JOINTS = Joints(('centre', 'top', 'right'), (DEFAULT_SIGMA,) * 3, None, ((0, 1), (0, 2)))
_SIDES = (32, 224)
_SIDE = 64


def load(argument: str, config: DataConfig) -> Task:
  """Draws all pictures; the same `data_seed` and `image_size` give the same ones. `argument` is empty.

  Raises:
    TaskError: an image size that shapes are not drawn at.
  """
  del argument
  refuse(config, ('category',), 'shapes_keypoints')
  height, width = shape(config, (_SIDE, _SIDE))
  if height != width or not _SIDES[0] <= height <= _SIDES[1]:
    raise TaskError(f'Shapes are drawn in squares of {_SIDES[0]} to {_SIDES[1]} pixels. Received: {height}x{width}.')
  if config.detections:
    raise TaskError(f'Shapes have no file of annotations that detections could belong to. Received: {config.detections}. Leave it out.')
  splits = {split: _draw(stream, split, count, height, config.data_seed) for stream, (split, count) in enumerate(SIZES.items())}
  return KeypointTask('shapes_keypoints', splits, config, shape=(height, width), turn=0.0, default_supernet='tiny_dense')


def _draw(stream: int, split: str, count: int, size: int, seed: int) -> People:
  kinds = [_drawing.KINDS[index % len(_drawing.KINDS)] for index in range(count)]
  drawings = [_drawing.draw(kind, size, np.random.default_rng((seed, stream, index))) for index, kind in enumerate(kinds)]
  visible = np.full((count, len(JOINTS.names), 1), 2.0)
  annotations = Annotations(
    source=f'shapes_keypoints/{split}',
    joints=JOINTS,
    category=1,
    pictures=[drawing.image for drawing in drawings],
    picture_ids=np.arange(count),
    shapes=np.full((count, 2), size),
    person_ids=np.arange(count),
    picture=np.arange(count),
    boxes=np.stack([_box(drawing) for drawing in drawings]),
    areas=np.asarray([float(drawing.mask.sum()) for drawing in drawings]),
    keypoints=np.concatenate([np.stack([drawing.keypoints for drawing in drawings]).astype(np.float64), visible], 2),
    crowd=np.zeros(count, bool),
  )
  return true_people(annotations, np.arange(count), split)


def _box(drawing: _drawing.Drawing) -> np.ndarray:
  """(x, y, width, height) in pixels of what a shape covers and of its points, which for a square lie beyond its edges."""
  rows, columns = np.nonzero(drawing.mask)
  corners = np.stack([columns, rows], 1)
  start = np.minimum(corners.min(0), drawing.keypoints.min(0))
  end = np.maximum(corners.max(0) + 1, drawing.keypoints.max(0))
  return np.concatenate([start, end - start]).astype(np.float64)
