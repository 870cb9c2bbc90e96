"""Whether places, boxes and areas in annotations are in pixels of their pictures."""

import numpy as np

from st_tf.task import TaskError
from tasks._people import Annotations

_FAR = 2.0  # Pixels: people are larger.
_OUTSIDE = 0.5  # Shares of joints that lie outside of their picture are no further out.


def check_units(annotations: Annotations) -> None:
  """Refuses shares of a picture's sides, from 0 to 1, in the place of pixels.

  Raises:
    TaskError: joints, a box or an area of a person with labelled joints are such.
  """
  labelled = annotations.keypoints[..., 2] > 0
  places = annotations.keypoints[..., :2]
  within_1 = ((places >= -_OUTSIDE) & (places <= 1 + _OUTSIDE)).all(2)
  sizes = annotations.boxes[:, 2:].max(1, initial=0)
  single = annotations.labelled
  # One joint may lie in the corner of a picture; all those of a person do not, unless the person is that small.
  joints = single & (within_1 | ~labelled).all(1) & (sizes > _FAR) & ((labelled.sum(1) > 1) | (within_1 | ~labelled)[single].all())
  boxes = single & ((annotations.boxes >= 0) & (annotations.boxes <= 1) & (annotations.boxes[:, 2:].min(1, initial=1) > 0)[:, None]).all(1)
  areas = single & (annotations.areas > 0) & (annotations.areas < 1) & (annotations.boxes[:, 2:].prod(1) > _FAR**2)
  for found, what, unit, way_out in (
    (joints, 'Joints', 'pixels of their image', "Multiply x by the image's width and y by its height"),
    (boxes, 'Boxes', 'pixels of their image', "Multiply x and width by the image's width, y and height by its height"),
    (areas, "A person's 'area' is", 'square pixels', "Multiply it by the image's width and height"),
  ):
    if found.any():
      rule = f'{what} in {unit}.' if what.endswith('is') else f'{what} are in {unit}.'
      raise TaskError(
        f'{rule} Received: from 0 to 1 in annotation {annotations.person_ids[found.argmax()]} of {annotations.source} ({found.sum()} such'
        f' annotations). {way_out}.'
      )


def check_boxes(annotations: Annotations) -> None:
  """Refuses people none of whose labelled joints lies in their box, or outside by no more than its longer side.

  Raises:
    TaskError: there is one.
  """
  starts, sizes = annotations.boxes[:, None, :2], annotations.boxes[:, None, 2:]
  places, labelled = annotations.keypoints[..., :2], annotations.keypoints[..., 2] > 0
  outside = np.maximum(starts - places, places - starts - sizes).max(2) > sizes.max(2, initial=0)
  apart = annotations.labelled & (annotations.boxes[:, 2:] > 0).all(1) & (outside | ~labelled).all(1)
  if apart.any():
    person = apart.argmax()
    joint, box = places[person][labelled[person]][0].round(1).tolist(), annotations.boxes[person].round(1).tolist()
    raise TaskError(
      f"A person's joints lie in or near their box. Received: {joint} and others, a box of {box} (x, y, width, height), in annotation"
      f' {annotations.person_ids[person]} of {annotations.source} ({apart.sum()} such annotations). Write both in pixels of the image.'
    )


def check_places(annotations: Annotations) -> None:
  """Refuses labelled joints of single people that lie further outside their image than the longer side of their box.

  Raises:
    TaskError: there is one.
  """
  places, shapes = annotations.keypoints[..., :2], annotations.shapes[annotations.picture]
  outside = np.maximum(-places, places - shapes[:, None, ::-1]).max(2)
  labelled = (annotations.keypoints[..., 2] > 0) & ~annotations.crowd[:, None]
  far = (outside > annotations.boxes[:, None, 2:].max(2, initial=0)) & labelled
  if far.any():
    person, joint = np.argwhere(far)[0]
    (height, width), (x, y) = shapes[person], places[person, joint]
    raise TaskError(
      "A labelled joint lies in its image, or outside by no more than the size of its person's box. Received:"
      f' {annotations.joints.names[joint]!r} at ({x:g}, {y:g}) of annotation {annotations.person_ids[person]} in {annotations.source}, an'
      f' image of {width}x{height} ({far.sum()} such joints). Correct it, or write v = 0 where a joint is not labelled.'
    )
