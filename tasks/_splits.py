"""Who is in which split: seeded draws, so that every task has train, validation and test."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sized
import dataclasses
import re
from typing import Protocol, TypeVar

import numpy as np

from st_tf.task import DataConfig, TaskError
from tasks._images import Images

# Draws for different purposes must not hang together: each has its own stream of the same seed.
_STREAMS = {'validation': 1, 'test': 2, 'train': 3}
_TENTH = 'a tenth of train drawn by data_seed'
# What others call the splits, in lower case.
_NAMES = {
  **dict.fromkeys(('train', 'training'), 'train'),
  **dict.fromkeys(('validation', 'val', 'valid', 'dev'), 'validation'),
  **dict.fromkeys(('test', 'testing'), 'test'),
}
# Words that stand beside them and say nothing.
_BESIDE = r'(?:(?:data)?sets?|data|images?|imgs?|pictures?|pics?|photos?|files?|splits?|folders?|(?:19|20)\d\d)*'
_NAMED = re.compile(f'{_BESIDE}({"|".join(_NAMES)}){_BESIDE}')


def split_of(name: str) -> str | None:
  """The split that a folder or a file's part of this name is, in any letter case, also as 'training_set' or 'val2017'; or None."""
  found = _NAMED.fullmatch(re.sub(r'[\W_]+', '', name.casefold()))
  return _NAMES[found[1]] if found else None


class Part(Sized, Protocol):
  """The examples of one split, of whatever kind."""

  def take(self, indices: np.ndarray) -> 'Part':
    """Only the examples at `indices`, in that order."""


P = TypeVar('P', bound=Part)


@dataclasses.dataclass(frozen=True)
class Examples:
  """The pictures of one split and what they show.

  Attributes:
    images: the pictures.
    labels: [n] int64, index of each picture's class.
  """

  images: Images
  labels: np.ndarray

  def __len__(self) -> int:
    """How many there are."""
    return len(self.labels)

  def take(self, indices: np.ndarray) -> 'Examples':
    """Only the examples at `indices`, in that order."""
    return Examples(self.images.take(indices), self.labels[indices])


def stratified(labels: np.ndarray, count: int, stream: tuple[int, ...]) -> np.ndarray:
  """A seeded draw that keeps the share of every class.

  Each class gives its share of `count`, rounded down; what is missing to `count` comes from the classes with the largest
  remainders, the first class first where they tie.

  Args:
    labels: [n] class of every example.
    count: how many to draw, at most n.
    stream: non-negative numbers that seed the draw.

  Returns:
    [count] indices, ascending.
  """
  rng = np.random.default_rng(stream)
  classes, sizes = np.unique(labels, return_counts=True)
  shares = sizes * count / len(labels)
  quotas = np.floor(shares).astype(int)
  order = np.argsort(-(shares - quotas), kind='stable')
  quotas[order[: count - quotas.sum()]] += 1
  drawn = [rng.permutation(np.flatnonzero(labels == label))[:quota] for label, quota in zip(classes, quotas)]
  return np.sort(np.concatenate(drawn))


def by_class(train: Examples, count: int, stream: tuple[int, ...]) -> np.ndarray:
  """`count` indices, ascending, with the share of every class kept."""
  return stratified(train.labels, count, stream)


def at_random(train: Sized, count: int, stream: tuple[int, ...]) -> np.ndarray:
  """`count` indices, ascending, of examples that have no class."""
  return np.sort(np.random.default_rng(stream).permutation(len(train))[:count])


def drawn(splits: Mapping[str, P], config: DataConfig, source: str, draw: Callable[..., np.ndarray] = by_class) -> dict[str, P]:
  """Train, validation and test from what a source has; only 'train' must be there.

  Where there is no test, the validation split is the test. What is missing then is a tenth of the original train split.

  Args:
    splits: what the source has.
    config: `data_seed` seeds the draws.
    source: what messages call it.
    draw: `by_class` or `at_random`.

  Raises:
    TaskError: too few examples to draw a split from.
  """
  splits = dict(splits)
  if 'test' not in splits and 'validation' in splits:
    splits['test'] = splits.pop('validation')
  tenth = max(1, round(len(splits['train']) / 10))
  for name in ('test', 'validation'):
    if name not in splits:
      train = splits['train']
      if len(train) <= tenth:
        raise TaskError(f'A missing split is drawn from train. Received: too few images in {source} for a {name} split. Add images.')
      taken = draw(train, tenth, (config.data_seed, _STREAMS[name]))
      splits[name] = train.take(taken)
      splits['train'] = train.take(np.setdiff1d(np.arange(len(train)), taken))
  return splits


def origins(splits: Collection[str]) -> dict[str, str]:
  """{split: where `drawn` takes it from}, in words, for those that a source has not, or not as such.

  Args:
    splits: what the source has.
  """
  if 'test' not in splits and 'validation' in splits:
    return {'validation': _TENTH, 'test': 'the validation split'}
  return {split: _TENTH for split in ('validation', 'test') if split not in splits}


def origin_notes(name: str, origins: Mapping[str, str]) -> Iterator[str]:
  """What a user is told of `origins` of a task."""
  if origins.get('test', _TENTH) != _TENTH:
    yield f'{name}: there is no test split, so {origins["test"]} is the test'
  missing = [split for split, origin in origins.items() if origin == _TENTH]
  if missing:
    yield f'{name}: drawn from train by data_seed, a tenth each: {" and ".join(missing)}'


def chosen(train: Sized, config: DataConfig, source: str, draw: Callable[..., np.ndarray] = by_class) -> np.ndarray:
  """Indices, ascending, of the `train_examples` that are used, drawn after all others so that they change none of them; 0 = all.

  Raises:
    TaskError: there are fewer.
  """
  have, wanted = len(train), config.train_examples
  if not 0 <= wanted <= have:
    raise TaskError(f'--train_examples is at most the {have} training examples of {source}; 0 = all. Received: {wanted}.')
  return draw(train, wanted, (config.data_seed, _STREAMS['train'])) if wanted else np.arange(have)


def subset(train: P, config: DataConfig, source: str, draw: Callable[..., np.ndarray] = by_class) -> P:
  """The examples of `train` that are `chosen`.

  Raises:
    TaskError: there are fewer.
  """
  indices = chosen(train, config, source, draw)
  return train.take(indices) if config.train_examples else train


def check_labels(labels: np.ndarray, classes: int, source: str) -> np.ndarray:
  """The labels as [n] int64.

  Raises:
    TaskError: there are none, or one is no index of a class.
  """
  labels = np.asarray(labels)
  if not len(labels):
    raise TaskError(f'A split has at least one example. Received: an empty split in {source}. Add images.')
  if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
    raise TaskError(f'Labels are one whole number per image. Received: {labels.dtype} {list(labels.shape)} in {source}.')
  bad = np.flatnonzero((labels < 0) | (labels >= classes))
  if len(bad):
    raise TaskError(
      f'Labels lie in [0, {classes}). Received: {labels[bad[0]]} at index {bad[0]} of {source}'
      f' ({len(bad)} such labels). Correct the data or the list of class names.'
    )
  return labels.astype(np.int64)
