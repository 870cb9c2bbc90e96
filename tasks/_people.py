"""People in pictures: what an annotation file in COCO's format says of them, and the examples that are made of it."""

from collections.abc import Sequence
import dataclasses
import pathlib

import numpy as np
from PIL import Image

from st_tf.task import TaskError
from st_tf.task.pictures import open_rgb
from tasks import _upright
from tasks._joints import Joints

_LEAST_OVERLAP = 0.5  # Intersection over union from which a detected box is a person's.


@dataclasses.dataclass(frozen=True)
class Annotations:
  """All pictures and people of one source, in its order. Coordinates are as in `_crops`.

  Attributes:
    source: what messages call it.
    joints: those that a person has.
    category: the source's number of the category that people are.
    pictures: [pictures] a file, or an array [height, width, 3] uint8.
    picture_ids: [pictures] int64, the source's numbers of them.
    shapes: [pictures, 2] int64, (height, width) in pixels.
    person_ids: [people] int64, the source's numbers of them.
    picture: [people] int64, index of the picture that shows each.
    boxes: [people, 4] float64, (x, y, width, height) in pixels.
    areas: [people] float64, in square pixels; the scale of COCO's tolerances.
    keypoints: [people, joints, 3] float64, (x, y, v); v is 0 where the joint is not labelled, 1 hidden, 2 visible.
    crowd: [people] bool, whether it is a crowd.
    category_name: the category's name, if it has one.
    notes: what should be known of them, a line each.
    turned: [pictures] int64, the orientations in EXIF by which the source's coordinates were turned; None = they were not.
  """

  source: str
  joints: Joints
  category: int
  pictures: Sequence[pathlib.Path | np.ndarray]
  picture_ids: np.ndarray
  shapes: np.ndarray
  person_ids: np.ndarray
  picture: np.ndarray
  boxes: np.ndarray
  areas: np.ndarray
  keypoints: np.ndarray
  crowd: np.ndarray
  category_name: str = ''
  notes: tuple[str, ...] = ()
  turned: np.ndarray | None = None

  @property
  def labelled(self) -> np.ndarray:
    """[people] bool: single people with at least one labelled joint, the only ones that anything can be learned from."""
    return (self.keypoints[..., 2] > 0).any(1) & ~self.crowd

  @property
  def left_out(self) -> dict[str, int]:
    """How many are not `labelled`, by the reason."""
    return {'crowds': int(self.crowd.sum()), 'people without a labelled joint': int((~self.labelled & ~self.crowd).sum())}

  def read(self, index: int) -> Image.Image:
    """A picture, RGB.

    Raises:
      TaskError: it cannot be read, or has another size than the source says.
    """
    item, (height, width) = self.pictures[index], self.shapes[index]
    if isinstance(item, np.ndarray):
      return Image.fromarray(item)
    picture = open_rgb(item, str(item))
    if picture.size != (width, height):
      raise TaskError(
        f'An image has the size that its annotations name. Received: {picture.width}x{picture.height} of {item}, {width}x{height} in'
        f' {self.source}. Annotate the image as it is.'
      )
    return picture


@dataclasses.dataclass(frozen=True)
class Detections:
  """Boxes in which a detector has seen a person.

  Attributes:
    source: what messages call them.
    picture_ids: [boxes] int64, numbers of the pictures.
    boxes: [boxes, 4] float64, (x, y, width, height) in pixels.
    scores: [boxes] float64.
  """

  source: str
  picture_ids: np.ndarray
  boxes: np.ndarray
  scores: np.ndarray

  def take(self, chosen: np.ndarray) -> 'Detections':
    """Only those chosen, [boxes] bool."""
    return Detections(self.source, self.picture_ids[chosen], self.boxes[chosen], self.scores[chosen])


@dataclasses.dataclass(frozen=True)
class People:
  """The people of one split, each of them an example.

  Attributes:
    annotations: where they come from.
    pictures: indices of the split's pictures, ascending.
    picture: [n] int64, index of the picture that shows each.
    boxes: [n, 4] float64, within the picture.
    scores: [n] float64 of the boxes.
    truth: [n] int64, index of the person in the annotations; -1 for a box that is no one's.
  """

  annotations: Annotations
  pictures: np.ndarray
  picture: np.ndarray
  boxes: np.ndarray
  scores: np.ndarray
  truth: np.ndarray

  def __len__(self) -> int:
    return len(self.picture)

  @property
  def picture_ids(self) -> np.ndarray:
    """The source's numbers of the split's pictures."""
    return self.annotations.picture_ids[self.pictures]

  def keypoints(self, index: int) -> np.ndarray:
    """[joints, 3] (x, y, v) of an example; all 0 where the box is no one's."""
    truth, known = self.truth[index], self.annotations.keypoints
    return known[truth] if truth >= 0 else np.zeros(known.shape[1:])


def true_people(annotations: Annotations, pictures: np.ndarray, split: str) -> People:
  """The labelled people in the pictures at the indices, in their true boxes; a box counts as far as it lies in its picture.

  Raises:
    TaskError: there are none, or one's box has no area in its picture.
  """
  rows = np.flatnonzero(annotations.labelled & np.isin(annotations.picture, pictures))
  if not len(rows):
    left_out = ', '.join(f'{count} {kind}' for kind, count in annotations.left_out.items())
    noted = ''.join(f' ({note})' for note in annotations.notes)
    raise TaskError(
      f'A split has at least one person with a labelled joint. Received: an empty {split} split of {annotations.source}, which has'
      f' {left_out}{noted}. Add people.'
    )
  names = [f'annotation {number} of {annotations.source}' for number in annotations.person_ids[rows]]
  picture = annotations.picture[rows]
  boxes = _within(annotations.boxes[rows], annotations.shapes[picture], names)
  return People(annotations, np.sort(pictures), picture, boxes, np.ones(len(rows)), rows)


def detected_people(people: People, detections: Detections) -> People:
  """The same split with the detected boxes in its pictures for the true ones.

  Each person is the truth of at most one box; the best boxes choose first.

  Raises:
    TaskError: a box has no area in its picture.
  """
  annotations = people.annotations
  indices = dict(zip(people.picture_ids.tolist(), people.pictures.tolist()))
  rows = np.flatnonzero(np.isin(detections.picture_ids, people.picture_ids))
  picture = np.asarray([indices[number] for number in detections.picture_ids[rows].tolist()], np.int64)
  names = [f'a box in image {number} of {detections.source}' for number in detections.picture_ids[rows]]
  boxes, scores = detections.boxes[rows], detections.scores[rows]
  if annotations.turned is not None:
    boxes = _upright.boxes(boxes, annotations.turned[picture], annotations.shapes[picture])
  boxes = _within(boxes, annotations.shapes[picture], names)
  return People(annotations, people.pictures, picture, boxes, scores, _matched(annotations, picture, boxes, scores))


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
  """[n] intersection over union of a box (x, y, width, height) with boxes [n, 4]."""
  starts = np.maximum(box[:2], boxes[:, :2])
  ends = np.minimum(box[:2] + box[2:], boxes[:, :2] + boxes[:, 2:])
  common = np.maximum(ends - starts, 0).prod(1)
  return common / np.maximum(box[2:].prod() + boxes[:, 2:].prod(1) - common, 1e-9)


def _matched(annotations: Annotations, picture: np.ndarray, boxes: np.ndarray, scores: np.ndarray) -> np.ndarray:
  """[n] index of the person whom each box shows, -1 = nobody."""
  people: dict[int, list[int]] = {}
  for row in np.flatnonzero(annotations.labelled).tolist():
    people.setdefault(int(annotations.picture[row]), []).append(row)
  truth = np.full(len(picture), -1)
  for index in np.argsort(-scores, kind='stable'):
    there = people.get(int(picture[index]), [])
    if there:
      overlaps = overlap(boxes[index], annotations.boxes[there])
      if overlaps.max() >= _LEAST_OVERLAP:
        truth[index] = there.pop(int(overlaps.argmax()))
  return truth


def _within(boxes: np.ndarray, shapes: np.ndarray, names: Sequence[str]) -> np.ndarray:
  """The parts of the boxes [n, 4] that lie in pictures of `shapes`, [n, 2] (height, width)."""
  sizes = shapes[:, ::-1]
  starts, ends = np.clip(boxes[:, :2], 0, sizes), np.clip(boxes[:, :2] + boxes[:, 2:], 0, sizes)
  bad = np.flatnonzero(((ends - starts) <= 0).any(1))
  if len(bad):
    (height, width), box = shapes[bad[0]], boxes[bad[0]].round(2).tolist()
    raise TaskError(
      f'A box (x, y, width, height) has an area inside its image. Received: {box} of {names[bad[0]]}, an image of {width}x{height}'
      f' ({len(bad)} such boxes). Correct or remove it.'
    )
  return np.concatenate([starts, ends - starts], 1)
