"""What images of one's own show: labels, masks or joints, checked before anything is learned from them."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from st_tf.errors import did_you_mean
from st_tf.task import KINDS, TaskError
from tasks import _joints
from tasks._datasets_given import Given, packed, shapes
from tasks._joints import Joints
from tasks._masks import IGNORED

_TARGETS = 'Targets are labels [n], masks [n, height, width] or joints [n, joints, 2 or 3].'
_MASK = 'A mask is [height, width] whole numbers.'
_JOINTS = 'Joints are [n, joints, 3]: x, y in pixels and 0 not labelled, 1 hidden, 2 visible; or [n, joints, 2], NaN where not visible.'
_VISIBLE = 2.0


def kind_of(given: Given) -> str:
  """One of `KINDS`, by how many dimensions a target has.

  Raises:
    TaskError: no kind has such targets.
  """
  shape = min(shapes(given.targets), key=len)
  if len(shape) < 2:
    return 'classification'
  if len(shape) == 2:
    return 'keypoints' if shape[1] in (2, 3) else 'segmentation'
  raise TaskError(f'{_TARGETS} Received: {list(shape)} for an image of {given.source}. Of masks with one channel write mask[..., 0].')


def check_kind(kind: str) -> str:
  """The kind, if it is one.

  Raises:
    TaskError: it is none.
  """
  if kind not in KINDS:
    raise TaskError(f'kind is one of {", ".join(KINDS)}. Received: {kind!r}.{did_you_mean(str(kind), KINDS)}')
  return kind


def names(labels: Sequence[str], numbers: Sequence[str]) -> tuple[str, ...]:
  """The labels as given, or else their numbers.

  Raises:
    TaskError: they are no names, or two are alike.
  """
  if isinstance(labels, str) or not all(isinstance(label, str) and label for label in labels) or len(set(labels)) < len(labels):
    raise TaskError(f"labels are names in order, no two alike. Received: {labels!r:.100}. Write for example labels=['ant', 'bee'].")
  return tuple(map(str, labels)) or tuple(numbers)


def labels(given: Given) -> tuple[np.ndarray, int]:
  """([n] whole numbers, how many classes there seem to be); one-hot rows, of one 1 and else 0, become the numbers they stand for.

  Raises:
    TaskError: other targets.
  """
  targets, rule = given.targets, 'Labels are one whole number per image, or one row each of a single 1 and else 0.'
  if targets.dtype == object or targets.ndim > 2:
    raise TaskError(f'{rule} Received: {sorted(map(list, shapes(targets)))} in {given.source}. Correct the targets, or say another kind=.')
  if targets.ndim == 2 and targets.shape[1] == 1:
    targets = targets[:, 0]
  if targets.ndim == 2:
    if targets.dtype.kind not in 'biuf' or not np.isin(targets, (0, 1)).all() or not (targets.sum(1) == 1).all():
      raise TaskError(f'{rule} Received: other rows of {targets.dtype} in {given.source}. Of shares of classes write targets.argmax(1).')
    return targets.argmax(1), targets.shape[1]
  if targets.dtype.kind not in 'iu':
    raise TaskError(
      f'{rule} Received: {targets.dtype} in {given.source}. Write targets.astype(int); of names'
      ' labels, targets = np.unique(targets, return_inverse=True).'
    )
  return targets.astype(np.int64), int(targets.max()) + 1


def check_learnable(counts: np.ndarray, labels: Sequence[str], what: str, source: str) -> None:
  """Refuses classes or joints that no training example shows.

  Raises:
    TaskError: there is one.
  """
  absent = [label for label, count in zip(labels, counts) if not count]
  if absent:
    raise TaskError(
      f'Every {what} has training examples. Received: none of {absent[0]!r} in {source} ({len(absent)} such). Add examples, or leave'
      ' it out of labels.'
    )


def mask_notes(masks: np.ndarray, labels: Sequence[str], source: str) -> Iterator[str]:
  """What looks as if void and the classes were numbered in another way; `masks` are those of `classes`."""
  counts = sum(np.bincount(mask.ravel() - IGNORED, minlength=len(labels) + 1) for mask in masks)
  absent = [label for label, count in zip(labels, counts[1:]) if not count]
  if absent:
    yield f'{source}: no mask has {absent[0]!r}{f" and {len(absent) - 1} more classes" if len(absent) > 1 else ""}'
  if counts[0] > counts.sum() / 2:
    yield f'{source}: {counts[0] / counts.sum():.0%} of the pixels are void, from which nothing is learned'


def check_masks(given: Given, images: np.ndarray, void: int | None) -> int:
  """The highest number in the masks of a split that is not void.

  Raises:
    TaskError: they are no masks, have another size than their images, or are void alone.
  """
  highest = IGNORED
  for index, (mask, image) in enumerate(zip(given.targets, images)):
    if mask.dtype.kind not in 'biu' or mask.ndim != 2:
      way_out = 'Write mask[..., 0].' if mask.ndim == 3 and mask.shape[2] == 1 else 'Write the number of its class into each pixel.'
      raise TaskError(f'{_MASK} Received: {mask.dtype} {list(mask.shape)} for image {index} of {given.source}. {way_out}')
    if mask.shape != image.shape[:2]:
      raise TaskError(
        f'A mask has the size of its image, {image.shape[1]}x{image.shape[0]} of image {index} of {given.source}. Received:'
        f' {mask.shape[1]}x{mask.shape[0]}. Resize both alike, masks without interpolation.'
      )
    counted = mask.astype(np.int64)  # Not unsigned: -1 has a meaning here.
    counted = counted if void is None else counted[counted != void]
    highest = max(highest, int(counted.max(initial=IGNORED)))
    if counted.min(initial=0) < 0:
      raise TaskError(f'{_MASK} Received: {counted.min()} for image {index} of {given.source}. If it is void, say void={counted.min()}.')
  if highest == IGNORED:
    raise TaskError(
      f'The masks of a split have pixels of classes. Received: void alone, number {void}, in {given.source}. Say which number is void.'
    )
  return highest


def classes(given: Given, void: int | None, count: int) -> np.ndarray:
  """[n] masks int32 with classes from 0 or `IGNORED`; classes are numbered from 0, or from 1 where 0 is void.

  Raises:
    TaskError: a number is neither void nor that of a class, or void is that of a class.
  """
  first = 1 if void == 0 else 0
  if void is not None and first <= void < first + count:
    raise TaskError(f'void is a number that no class has; classes have {first} to {first + count - 1}. Received: {void}. Say another.')
  masks = []
  for index, mask in enumerate(given.targets):
    is_void = np.zeros(mask.shape, bool) if void is None else mask == void
    mask = np.where(is_void, IGNORED, mask.astype(np.int64) - first)
    if mask.max() >= count:
      hint = ' If 0 is void and classes count from 1, say void=0.' if mask.max() == count and first == 0 else ''
      raise TaskError(
        f'A mask has the numbers of the {count} classes, {first} to {first + count - 1}, or of void, {void}. Received:'
        f' {mask.max() + first} for image {index} of {given.source}.{hint or " Correct the mask or the labels."}'
      )
    masks.append(mask.astype(np.int32))
  return packed(masks)


def places(given: Given, images: np.ndarray) -> np.ndarray:
  """[n, joints, 3] float64: x and y in pixels, 0 where not labelled, and v: 0 not labelled, 1 hidden, 2 visible.

  Raises:
    TaskError: other targets, or a labelled joint outside of its image.
  """
  keypoints = given.targets
  if keypoints.dtype.kind not in 'iuf' or keypoints.ndim != 3 or keypoints.shape[2] not in (2, 3):
    received = f'{keypoints.dtype} {list(keypoints.shape)}' if keypoints.dtype != object else f'{sorted(map(list, shapes(keypoints)))}'
    raise TaskError(f'{_JOINTS} Received: {received} in {given.source}. Give every image as many rows.')
  keypoints = keypoints.astype(np.float64)
  if keypoints.shape[2] == 2:
    keypoints = np.concatenate([keypoints, np.where(np.isnan(keypoints).all(2, keepdims=True), 0.0, _VISIBLE)], 2)
  if not np.isin(keypoints[..., 2], (0, 1, 2)).all():
    index = np.flatnonzero(~np.isin(keypoints[..., 2], (0, 1, 2)).all(1))[0]
    raise TaskError(f'{_JOINTS} Received: another third number for image {index} of {given.source}. Correct it.')
  there = keypoints[..., 2] > 0
  sizes = np.asarray([image.shape[1::-1] for image in images])[:, None]
  bad = there & ~((keypoints[..., :2] >= 0) & (keypoints[..., :2] <= sizes)).all(2)  # True for NaN too.
  if bad.any():
    index, joint = np.argwhere(bad)[0]
    raise TaskError(
      f'A labelled joint lies in its image, {sizes[index, 0, 0]}x{sizes[index, 0, 1]}. Received: joint {joint} at'
      f' ({keypoints[index, joint, 0]:g}, {keypoints[index, joint, 1]:g}) of image {index} of {given.source} ({bad.sum()} such joints).'
      ' Correct it, or mark it as not visible.'
    )
  return np.where(there[..., None], keypoints, 0.0)


def centred(keypoints: Mapping[str, np.ndarray], source: str) -> dict[str, np.ndarray]:
  """The joints of all splits; where all labelled places are whole numbers, which name pixels, half a pixel is added, to their centres.

  Raises:
    TaskError: no place is beyond 1, as where they are shares of the images' sides.
  """
  labelled = np.concatenate([joints[joints[..., 2] > 0][:, :2] for joints in keypoints.values()])
  if len(labelled) and labelled.max() <= 1:
    raise TaskError(f'x and y are pixels. Received: none above 1 in {source}. Multiply shares by the width and the height of the image.')
  if (labelled % 1 != 0).any():
    return dict(keypoints)
  return {split: np.where(joints[..., 2:] > 0, joints + [0.5, 0.5, 0], joints) for split, joints in keypoints.items()}


def joints(
  labels: Sequence[str],
  skeleton: Sequence[tuple[str, str]],
  flip_pairs: Sequence[tuple[str, str]] | None,
  sigmas: Sequence[float] | None,
  source: str,
) -> Joints:
  """The joints as `_joints.joints` reads them of a file.

  Args:
    labels: their names.
    skeleton: pairs of names that are connected; none = by their names.
    flip_pairs: pairs of names that change places; None = by their names.
    sigmas: tolerance of each, as COCO defines it; None = COCO's, or else its mean.
    source: what messages call it.

  Raises:
    TaskError: a pair is none of two joints, a side lacks its other, or tolerances do not fit.
  """
  known = list(labels)
  for argument, pairs in (('skeleton', skeleton), ('flip_pairs', flip_pairs or ())):
    for pair in pairs:
      if isinstance(pair, str) or len(pair) != 2 or not set(pair) <= set(known):
        unknown = next((end for end in pair if end not in known), '')
        hint = did_you_mean(str(unknown), known) or f' The labels: {", ".join(known):.200}.'
        raise TaskError(f'{argument} has pairs of labels. Received: {pair!r} in {source}.{hint}')
  category = {'keypoints': known, 'skeleton': [[known.index(first) + 1, known.index(second) + 1] for first, second in skeleton]}
  category |= {'sigmas': [float(sigma) for sigma in sigmas]} if sigmas is not None else {}
  category |= {'flip_pairs': [list(pair) for pair in flip_pairs]} if flip_pairs is not None else {}
  return _joints.joints(category, source)
