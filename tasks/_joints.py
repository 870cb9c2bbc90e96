"""The joints of an annotation file: their names, their tolerances, which change places in a mirror, which are connected."""

from collections.abc import Mapping, Sequence
import dataclasses
import re
from typing import Any

import numpy as np

from st_tf.task import TaskError

# COCO's deviation of people's annotations per joint, relative to the square root of the person's area
# (https://cocodataset.org/#keypoints-eval, section 1.3).
COCO_SIGMAS = {
  'nose': 0.026,
  **{f'{side}_eye': 0.025 for side in ('left', 'right')},
  **{f'{side}_ear': 0.035 for side in ('left', 'right')},
  **{f'{side}_shoulder': 0.079 for side in ('left', 'right')},
  **{f'{side}_elbow': 0.072 for side in ('left', 'right')},
  **{f'{side}_wrist': 0.062 for side in ('left', 'right')},
  **{f'{side}_hip': 0.107 for side in ('left', 'right')},
  **{f'{side}_knee': 0.087 for side in ('left', 'right')},
  **{f'{side}_ankle': 0.089 for side in ('left', 'right')},
}
# For joints of which nobody has measured it: the mean of COCO's 17, so that scores are about as strict as COCO's on the whole.
DEFAULT_SIGMA = 0.067

_BOTH = ('left', 'right')
# What is connected where a file does not say; of these, the pairs whose joints there are.
_LARGEST = 1e6  # Of tolerances.
_LIMBS = (
  *(pair for side in _BOTH for pair in ((f'{side}_ankle', f'{side}_knee'), (f'{side}_knee', f'{side}_hip'))),
  *((f'{side}_hip', f'{side}_shoulder') for side in _BOTH),
  *(pair for side in _BOTH for pair in ((f'{side}_shoulder', f'{side}_elbow'), (f'{side}_elbow', f'{side}_wrist'))),
  *((f'{side}_shoulder', other) for side in _BOTH for other in ('neck', f'{side}_ear')),
  *((f'{side}_eye', other) for side in _BOTH for other in ('nose', f'{side}_ear')),
  ('left_hip', 'right_hip'),
  ('left_shoulder', 'right_shoulder'),
  ('left_eye', 'right_eye'),
  ('neck', 'head_top'),
  ('neck', 'nose'),
)
_SIDED = re.compile(r'(left|right|l|r)[ _-](.+)')
_TORSOS = (('left_shoulder', 'right_hip'), ('right_shoulder', 'left_hip'))


@dataclasses.dataclass(frozen=True)
class Joints:
  """The joints of a person.

  Attributes:
    names: in order.
    sigmas: tolerance of each, as COCO defines it.
    pairs: those that change places in a mirror; None = unknown, so that pictures must not be mirrored.
    limbs: those that are connected.
  """

  names: tuple[str, ...]
  sigmas: tuple[float, ...]
  pairs: tuple[tuple[int, int], ...] | None
  limbs: tuple[tuple[int, int], ...]

  @property
  def mirrored(self) -> np.ndarray:
    """[joints] int64: which joint is seen at each one's place in the mirror."""
    order = np.arange(len(self.names))
    for left, right in self.pairs or ():
      order[[left, right]] = right, left
    return order

  @property
  def torsos(self) -> tuple[tuple[int, int], ...]:
    """(shoulder, hip of the other side), where there are such joints; the left shoulder's first."""
    return _found(self.names, _TORSOS)


def joints(category: Mapping[str, Any], source: str) -> Joints:
  """The joints of a COCO category.

  Required is 'keypoints', the names. 'skeleton' has pairs of numbers from 1, as COCO's; where it is missing or empty, limbs come
  from the names. Two keys are not COCO's: 'sigmas', one number per joint (else COCO's for its 17 names, else `DEFAULT_SIGMA` for
  each), and 'flip_pairs', pairs of names (else those that differ only in left_/right_ or l_/r_; else none are known).

  Args:
    category: an entry of the file's 'categories'.
    source: what messages call the file.

  Raises:
    TaskError: no such names, or a key that does not fit them.
  """
  names = category.get('keypoints')
  if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
    raise TaskError(
      f"A category's 'keypoints' are the names of its joints, no two alike. Received: {_short(names)} in {source}. Correct it."
    )
  return Joints(tuple(names), _sigmas(category, source), _pairs(category, source), _limbs(category, source))


def plain(name: str) -> str:
  """A joint's name as COCO writes it: 'l_hip' and 'Left hip' are 'left_hip'."""
  lower = name.lower()
  sided = _SIDED.fullmatch(lower)
  return (f'{"left" if sided[1][0] == "l" else "right"}_{sided[2]}' if sided else lower).replace(' ', '_').replace('-', '_')


def side(name: str) -> str:
  """'left', 'right' or '', the side of the body that a joint's name says."""
  sided = _SIDED.fullmatch(name.lower())
  return '' if not sided else 'left' if sided[1][0] == 'l' else 'right'


def _sigmas(category: Mapping[str, Any], source: str) -> tuple[float, ...]:
  names, sigmas = category['keypoints'], category.get('sigmas')
  if sigmas is None:
    known = {plain(name) for name in names} == set(COCO_SIGMAS)
    return tuple(COCO_SIGMAS[plain(name)] if known else DEFAULT_SIGMA for name in names)
  if not isinstance(sigmas, list) or len(sigmas) != len(names) or not all(_is_positive(sigma) for sigma in sigmas):
    raise TaskError(
      f"A category's 'sigmas' are one positive number for each of its {len(names)} joints. Received: {_short(sigmas)} in {source}."
      ' Correct or remove them.'
    )
  return tuple(float(sigma) for sigma in sigmas)


def _pairs(category: Mapping[str, Any], source: str) -> tuple[tuple[int, int], ...] | None:
  names, pairs = category['keypoints'], category.get('flip_pairs')
  if pairs is None:
    by_name = {plain(name): index for index, name in enumerate(names)}
    sided = [(index, by_name.get('right' + name.removeprefix('left'))) for name, index in by_name.items() if name.startswith('left_')]
    # Without a single pair, nothing says what these joints are in a mirror.
    return tuple(pair for pair in sided if pair[1] is not None) or None
  ends = [end for pair in pairs for end in pair] if _are_pairs(pairs, str) else [None]
  if not set(ends) <= set(names) or len(set(ends)) < len(ends):
    raise TaskError(
      f"A category's 'flip_pairs' are pairs of its joints' names, each in one pair at most. Received: {_short(pairs)} in {source}."
      ' Correct or remove them.'
    )
  return tuple((names.index(left), names.index(right)) for left, right in pairs)


def _limbs(category: Mapping[str, Any], source: str) -> tuple[tuple[int, int], ...]:
  names, skeleton = category['keypoints'], category.get('skeleton')
  if not skeleton:
    return _found(names, _LIMBS)
  if not _are_pairs(skeleton, int) or not all(1 <= end <= len(names) for pair in skeleton for end in pair):
    raise TaskError(
      f"A category's 'skeleton' has pairs of joints, counted from 1 to {len(names)}. Received: {_short(skeleton)} in {source}."
      ' Correct or remove it.'
    )
  return tuple((first - 1, second - 1) for first, second in skeleton)


def _found(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> tuple[tuple[int, int], ...]:
  by_name = {plain(name): index for index, name in enumerate(names)}
  return tuple((by_name[first], by_name[second]) for first, second in pairs if first in by_name and second in by_name)


def _are_pairs(value: Any, kind: type) -> bool:
  return isinstance(value, list) and all(
    isinstance(pair, list) and len(pair) == 2 and all(isinstance(end, kind) for end in pair) for pair in value
  )


def _is_positive(value: Any) -> bool:
  return isinstance(value, (int, float)) and 0 < value < _LARGEST  # False for NaN.


def _short(value: Any) -> str:
  text = repr(value)
  return text if len(text) <= 100 else f'{text[:100]}...'
