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

_LONGEST_LIST = 10
_BOTH = ('left', 'right')
_LARGEST = 1e6  # Of tolerances.
# What is connected where a file does not say; of these, the pairs whose joints there are.
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
_WORD = re.compile(r'[A-Z]+(?=[A-Z][a-z])|[A-Z]?[^\W\d_A-Z]+|[A-Z]+|\d+')  # Of names such as left_hip, LeftHip, hip.l or LHip.
_GLUED = re.compile(r'^(left|right).|.(left|right)$')
# Of names in other languages and abbreviations: who mirrors some pairs must not leave these where they are.
_ELSEWHERE = re.compile(
  r'左|右|왼|오른|(?<![^\W_])([lr]t|[lr][fbhm])(?![^\W_])'
  r'|(?<![^\W\d_])(link|recht|gauche|droit|izq|derech|esquerd|direit|sinist|destr|dexter|лев|прав)'
)
_NUMBERED = re.compile(r'^[lr][\W_]*\d[\W_\d]*$|^\d[\W_\d]*[lr]$')  # L1 is a vertebra, unless there is an R1.
_SIDES = {'left': 'left', 'l': 'left', 'right': 'right', 'r': 'right'}
_TORSOS = (('left_shoulder', 'right_hip'), ('right_shoulder', 'left_hip'))


@dataclasses.dataclass(frozen=True)
class Joints:
  """The joints of a person.

  Attributes:
    names: in order.
    sigmas: tolerance of each, as COCO defines it.
    pairs: those that change places in a mirror; None = unknown of one at least, so that pictures must not be mirrored.
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
  def mirror(self) -> str:
    """What a mirror does to them, in words."""
    if self.pairs is None:
      alone = unpaired(self.names)
      why = f'{alone[0]!r} has no other side' if alone else 'no names of left and right'
      return f"images are not mirrored: {why} ('flip_pairs' says which joints change places)"
    ends = [(self.names[first], self.names[second]) for first, second in self.pairs]
    alike = [split(first)[1] for first, second in ends if split(first)[0] == 'left' and split(first)[1] == split(second)[1]]
    pairs = f'left/right {_listed(alike)}' if len(alike) == len(ends) else _listed(list(map('/'.join, ends)))
    rest = [name for name in self.names if name not in {end for pair in ends for end in pair}]
    others = f'; {_listed(rest)} stay{"s" if len(rest) == 1 else ""}' if rest else ''
    return f'images are mirrored; what changes places: {pairs if ends else "nothing"}{others}'

  @property
  def torsos(self) -> tuple[tuple[int, int], ...]:
    """(shoulder, hip of the other side), where there are such joints; the left shoulder's first."""
    return _found(self.names, _TORSOS)


def joints(category: Mapping[str, Any], source: str) -> Joints:
  """The joints of a COCO category.

  Required is 'keypoints', the names. 'skeleton' has pairs of numbers from 1, as COCO's; where it is missing or empty, limbs come
  from the names. Two keys are not COCO's: 'sigmas', one number per joint (else COCO's for its 17 names, else `DEFAULT_SIGMA` for
  each), and 'flip_pairs', pairs of names (else those that differ only in left and right, or l and r; where there are none, or one has
  no other side, none are known).

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
  """A joint's name as COCO writes it: 'l_hip', 'hipLeft' and 'Left hip' are 'left_hip'."""
  own, rest = split(name)
  return f'{own}_{rest}' if own else rest


def side(name: str) -> str:
  """'left', 'right' or '', the side of the body that a joint's name says."""
  return split(name)[0]


def split(name: str) -> tuple[str, str]:
  """('left', 'right' or '', the rest of a joint's name in small words); one letter and a number alone, such as L1, say no side."""
  words = [word.lower() for word in _WORD.findall(name)]
  sides = [index for index, word in enumerate(words) if word in _SIDES]
  if len(sides) == 1 and len(words) > 1 and not _NUMBERED.search(name.lower()):
    own = words.pop(sides[0])
    return _SIDES[own], '_'.join(words)
  return '', '_'.join(words) or name.lower()


def unpaired(names: Sequence[str], pairs: Sequence[tuple[int, int]] | None = None) -> list[str]:
  """The names that say a side, and are in none of the pairs; None = those that names make, which must not leave out any that seems to."""
  paired = {end for pair in (_by_names(names) if pairs is None else pairs) for end in pair}
  small = [name.lower() for name in names]
  seem = [_NUMBERED] * any(_NUMBERED.search(small[end]) for end in paired) + [_GLUED, _ELSEWHERE] * (pairs is None and bool(paired))
  return [
    name for index, name in enumerate(names) if index not in paired and (split(name)[0] or any(form.search(small[index]) for form in seem))
  ]


def _by_names(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
  """(left, right) of all names that differ in the side alone."""
  places = {'left': {}, 'right': {}, '': {}}
  for index, name in enumerate(names):
    own, rest = split(name)
    places[own].setdefault(rest, []).append(index)
  pairs = [(left[0], *places['right'].get(rest, ())) for rest, left in places['left'].items() if len(left) == 1]
  whole = {name.lower(): index for index, name in enumerate(names)}
  # Names written in one word, such as lefteye, or of a letter and a number, say a side where the other one is there too.
  glued = [
    (index, whole[other])
    for name, index in whole.items()
    for other in (_opposite(name),)
    if other in whole and not split(names[index])[0] and not split(names[whole[other]])[0]
  ]
  return tuple(sorted(pair for pair in [*pairs, *glued] if len(pair) == 2))


def _opposite(name: str) -> str:
  """'righteye' of 'lefteye', 'eyeright' of 'eyeleft', 'r1' of 'l1'; '' of others."""
  if _NUMBERED.search(name):
    return name.replace('l', 'r') if 'l' in name else ''
  for start, end in ((0, 4), (-4, None)):
    if name[start:end] == 'left' and len(name) > 4:
      return f'right{name[4:]}' if start == 0 else f'{name[:-4]}right'
  return ''


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
    # Without a single pair, nothing says what these joints are in a mirror; with one missing, not of all.
    return None if unpaired(names) else _by_names(names) or None
  ends = [end for pair in pairs for end in pair] if _are_pairs(pairs, str) else [None]
  if not set(ends) <= set(names) or len(set(ends)) < len(ends):
    raise TaskError(
      f"A category's 'flip_pairs' are pairs of its joints' names, each in one pair at most. Received: {_short(pairs)} in {source}."
      ' Correct or remove them.'
    )
  found = tuple((names.index(left), names.index(right)) for left, right in pairs)
  alone = unpaired(names, found)
  if alone:
    raise TaskError(
      f"'flip_pairs' name every joint that has a side. Received: {alone[0]!r} in no pair in {source}. Add its pair, or leave 'flip_pairs'"
      ' out: then images are not mirrored.'
    )
  return found


def _limbs(category: Mapping[str, Any], source: str) -> tuple[tuple[int, int], ...]:
  names, skeleton = category['keypoints'], category.get('skeleton')
  if not skeleton:
    return _found(names, _LIMBS)
  if not _are_pairs(skeleton, int) or not all(1 <= end <= len(names) for pair in skeleton for end in pair):
    raise TaskError(
      f"A category's 'skeleton' has pairs of joints, counted from 1 to {len(names)}. Received: {_short(skeleton)} in {source}."
      ' Correct or remove it; where it counts from 0, add 1.'
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


def _listed(names: Sequence[str]) -> str:
  return ', '.join(names if len(names) <= _LONGEST_LIST else [*names[:_LONGEST_LIST], f'and {len(names) - _LONGEST_LIST} more'])


def _short(value: Any) -> str:
  text = repr(value)
  return text if len(text) <= 100 else f'{text[:100]}...'
