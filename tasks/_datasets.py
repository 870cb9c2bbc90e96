"""Data of one's own that lie in memory, as a task like any other; `st_tf.task.Task.from_datasets` is the way here."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import hashlib
import itertools
import pkgutil
from typing import Any

import numpy as np

from st_tf.task import SPLITS, DataConfig, Task, TaskError, refuse
import tasks
from tasks import _datasets_given, _datasets_targets
from tasks._datasets_build import Data, build
from tasks._datasets_given import Given
from tasks._splits import Examples, check_labels, drawn, origin_notes, origins

_CONTENTS_DIGITS = 16
_VOID = 255


@dataclasses.dataclass(frozen=True)
class Details:
  """What one kind of task takes; the arguments of `Task.from_datasets` of these names."""

  void: int | None = _VOID
  skeleton: Sequence[tuple[str, str]] = ()
  flip_pairs: Sequence[tuple[str, str]] | None = None
  sigmas: Sequence[float] | None = None

  def refuse_others(self, kind: str) -> None:
    """Refuses what `kind` does nothing with.

    Raises:
      TaskError: it is given.
    """
    given = {'skeleton': len(self.skeleton) > 0, 'flip_pairs': self.flip_pairs is not None, 'sigmas': self.sigmas is not None}
    of_others = {'void': self.void != _VOID} if kind != 'segmentation' else {}
    of_others |= given if kind != 'keypoints' else {}
    for argument, is_given in of_others.items():
      if is_given:
        raise TaskError(f'{argument} means nothing to {kind}. Received: {argument}={getattr(self, argument)!r:.60}. Leave it out.')


@dataclasses.dataclass(frozen=True)
class _Rows:
  """Images of one split by their numbers, for a draw in which nothing has to be copied."""

  split: str
  numbers: np.ndarray

  def take(self, indices: np.ndarray) -> '_Rows':
    return _Rows(self.split, self.numbers[indices])

  def of(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    whole = arrays[self.split]
    return whole if len(whole) == len(self.numbers) else whole[self.numbers]


def load(given: Mapping[str, Any], labels: Sequence[str], kind: str, name: str, config: DataConfig, details: Details) -> Task:
  """The task of what was given; everything that is wrong with it is said here.

  Args:
    given: {split: dataset or arrays}, 'train' among them; None = there is none.
    labels: names of classes or joints; empty = their numbers.
    kind: one of `KINDS`; '' = as the targets' dimensions say.
    name: of the task.
    config: how the data is prepared.
    details: what one kind takes.

  Raises:
    TaskError: what was given makes no task.
  """
  taken = {module.name for module in pkgutil.iter_modules(tasks.__path__)} | {'module'}
  if not isinstance(name, str) or not name or name.partition(':')[0] in taken:
    raise TaskError(f"name is one that no task of the project has. Received: {name!r}. Write for example name='flowers'.")
  refuse(config, ('data_dir', 'class_names', 'void', 'category', 'detections'), 'data in memory')
  splits = {split: _datasets_given.read(part, f'the {split} split of {name}') for split, part in given.items() if part is not None}
  target_kind = _datasets_targets.check_kind(kind) if kind else _datasets_targets.kind_of(splits['train'])
  details.refuse_others(target_kind)
  read = {'classification': _labelled, 'segmentation': _masked, 'keypoints': _jointed}[target_kind]
  data = _drawn(read(name, splits, _datasets_given.pixels(splits), labels, details), config)
  task = build(data, config)
  digests = {split: [_digest(image) for image in images] for split, images in data.images.items()}
  guessed = () if kind else (f'{name}: by their dimensions, targets are those of {target_kind}; kind= says otherwise',)
  task.origins = origins(splits)
  task.notes = (*guessed, *task.notes, *data.notes, *origin_notes(name, task.origins), *_common(name, digests))
  task.contents = _contents(data, digests)
  return task


def _labelled(name: str, splits: Mapping[str, Given], images: Mapping[str, np.ndarray], labels: Sequence[str], _: Details) -> Data:
  counted = {split: _datasets_targets.labels(given) for split, given in splits.items()}
  named = _datasets_targets.names(labels, [str(number) for number in range(max(count for _, count in counted.values()))])
  numbers = {split: check_labels(numbers, len(named), splits[split].source) for split, (numbers, _) in counted.items()}
  return Data(name, 'classification', named, images, numbers)


def _masked(name: str, splits: Mapping[str, Given], images: Mapping[str, np.ndarray], labels: Sequence[str], details: Details) -> Data:
  void = details.void
  highest = max(_datasets_targets.check_masks(given, images[split], void) for split, given in splits.items())
  first = 1 if void == 0 else 0
  named = _datasets_targets.names(labels, [str(number) for number in range(first, highest + 1)])
  masks = {split: _datasets_targets.classes(given, void, len(named)) for split, given in splits.items()}
  return Data(name, 'segmentation', named, images, masks)


def _jointed(name: str, splits: Mapping[str, Given], images: Mapping[str, np.ndarray], labels: Sequence[str], details: Details) -> Data:
  keypoints = {split: _datasets_targets.places(given, images[split]) for split, given in splits.items()}
  named = _datasets_targets.names(labels, [str(number) for number in range(keypoints['train'].shape[1])])
  for split, places in keypoints.items():
    if places.shape[1] != len(named):
      raise TaskError(
        f'Every image has the {len(named)} joints {", ".join(named)}. Received: {places.shape[1]} in {splits[split].source}. Correct the'
        ' targets or the labels.'
      )
  joints = _datasets_targets.joints(named, details.skeleton, details.flip_pairs, details.sigmas, name)
  keypoints, notes = _datasets_targets.centred(keypoints, name), []
  shown = {split: (places[..., 2] > 0).any(1) for split, places in keypoints.items()}
  for split, there in shown.items():
    if not there.any():
      raise TaskError(f'A split has a labelled joint. Received: none in {splits[split].source}. Write 2 where a joint is visible.')
    if not there.all():
      notes.append(f'{splits[split].source}: left out are {(~there).sum():,} images without a labelled joint')
  rows = {split: _Rows(split, np.flatnonzero(there)) for split, there in shown.items()}
  images, keypoints = ({split: row.of(arrays) for split, row in rows.items()} for arrays in (images, keypoints))
  return Data(name, 'keypoints', named, images, keypoints, joints, tuple(notes))


def _drawn(data: Data, config: DataConfig) -> Data:
  """With all three splits, and examples of every class or joint in train."""
  rows = {}
  for split, images in data.images.items():
    classes = data.targets[split] if data.kind == 'classification' else np.zeros(len(images), np.int64)
    rows[split] = Examples(_Rows(split, np.arange(len(images))), classes)
  chosen = {split: examples.images for split, examples in drawn(rows, config, data.name).items()}
  images, targets = ({split: chosen[split].of(arrays) for split in SPLITS} for arrays in (data.images, data.targets))
  train, source, notes = targets['train'], f'the train split of {data.name}', data.notes
  if data.kind == 'classification':
    _datasets_targets.check_learnable(np.bincount(train, minlength=len(data.labels)), data.labels, 'class', source)
  elif data.kind == 'keypoints':
    _datasets_targets.check_learnable((train[..., 2] > 0).sum(0), data.labels, 'joint', source)
  else:
    notes += tuple(_datasets_targets.mask_notes(train, data.labels, source))
  return dataclasses.replace(data, images=images, targets=targets, notes=notes)


def _common(name: str, digests: Mapping[str, Sequence[bytes]]) -> Iterator[str]:
  """Which splits show the same images."""
  for first, second in itertools.combinations(SPLITS, 2):
    common = len(set(digests[first]) & set(digests[second]))
    if common:
      yield f'{name}: images that {first} and {second} have in common: {common:,}; scores of them flatter'


def _digest(array: np.ndarray) -> bytes:
  return hashlib.sha256(repr((array.shape, array.dtype.str)).encode() + np.ascontiguousarray(array).tobytes()).digest()


def _contents(data: Data, digests: Mapping[str, Sequence[bytes]]) -> str:
  """A digest of the labels, and of all images and targets by split, in their order."""
  joints = data.joints and (data.joints.sigmas, data.joints.pairs)
  hasher = hashlib.sha256(repr((data.kind, data.labels, joints)).encode())
  for split in SPLITS:
    hasher.update(f'{split} {len(digests[split])}'.encode())
    for image, target in zip(digests[split], data.targets[split]):
      hasher.update(image + _digest(np.asarray(target)))
  return hasher.hexdigest()[:_CONTENTS_DIGITS]
