"""What a training method must know about a problem."""

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
import dataclasses
from types import MappingProxyType
from typing import Any
import unicodedata

import numpy as np

from st_tf import plugins
from st_tf.arch.specs import HeadSpec
from st_tf.errors import UserError, did_you_mean
from st_tf.task.metrics import Metrics
from st_tf.task.normalisation import Normalisation
from st_tf.task.sample import Sample

_NO_CHARACTERS = ('Cc', 'Cs', 'Zl', 'Zp')  # Unicode's categories of control characters, halves of some, separators of lines.
_TURNING = '\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069'  # They show what stands beside them in another order.
SPLITS = ('train', 'validation', 'test')
EVERYTHING = 'all'  # Where examples are scored: those of all splits.
KINDS = ('classification', 'segmentation', 'keypoints')
_KINDS = {str: 'text', bool: 'true or false', int: 'a whole number', float: 'a number'}


class TaskError(UserError):
  """A problem with the data: the rule, what was found, and the way out."""


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """Where the data is and how it is prepared; every field is a flag of its own."""

  data_dir: str = dataclasses.field(default='', metadata={'help': "Folder with the data; empty = the source's default."})
  image_size: int = dataclasses.field(
    default=0, metadata={'help': "Side in pixels of the images, or of the windows of maps, that the network reads; 0 = the task's own."}
  )
  image_width: int = dataclasses.field(
    default=0, metadata={'help': "Segmentation, keypoints: width in pixels where it is not --image_size; 0 = the task's own, or square."}
  )
  train_examples: int = dataclasses.field(default=0, metadata={'help': 'Use only so many training images (stratified, seeded); 0 = all.'})
  data_seed: int = dataclasses.field(default=0, metadata={'help': 'Seed of split drawing and of procedural data; not of training.'})
  randaugment: bool = dataclasses.field(default=False, metadata={'help': 'Add RandAugment to crop and flip.'})
  mixup: float = dataclasses.field(default=0.0, metadata={'help': 'Strength of mixup (Beta parameter); 0 = off.'})
  class_weights: str = dataclasses.field(
    default='', metadata={'help': "Weights of the classes in the loss: 'balanced', or one number per class, comma-separated."}
  )
  class_names: str = dataclasses.field(
    default='', metadata={'help': 'Segmentation: names of the classes 1, 2, ..., comma-separated, or a text file with one per line.'}
  )
  void: str = dataclasses.field(
    default='',
    metadata={'help': "Segmentation: numbers in masks that count for nothing, such as '0,255', or none; empty = as the numbers tell."},
  )
  category: str = dataclasses.field(
    default='', metadata={'help': 'Keypoints: name or number of the category that is learned, where several have joints.'}
  )
  detections: str = dataclasses.field(
    default='',
    metadata={'help': "Keypoints: JSON with detected person boxes to score on (COCO's results format); empty = the true ones."},
  )
  window_overlap: float = dataclasses.field(
    default=0.0,
    metadata={
      'help': 'Segmentation: share of a window that it has in common with the next where pictures larger than that are scored; 0 = as few'
      ' windows as cover them.',
      'share': True,
    },
  )
  flip_test: bool = dataclasses.field(
    default=False, metadata={'help': 'Segmentation, keypoints: score the mean of an image and its mirror image.'}
  )

  @classmethod
  def of(cls, settings: Mapping[str, Any]) -> 'DataConfig':
    """The settings of data by name.

    Raises:
      TaskError: an unknown name, or a value of another type.
    """
    known = [field.name for field in dataclasses.fields(cls)]
    for name in settings:
      if name not in known:
        hint = did_you_mean(name, known)
        raise TaskError(f'Settings of data are {", ".join(known)}. Received: {name}={settings[name]!r:.60}.{hint}')
    return cls(**settings)

  def __post_init__(self):
    for field in dataclasses.fields(self):
      value = getattr(self, field.name)
      if type(value) is not field.type and not (field.type is float and type(value) is int):
        raise TaskError(f'--{field.name} is {_KINDS[field.type]}. Received: {value!r:.60}. Its default is {field.default!r}.')


class Task(abc.ABC):
  """One problem: its data, its head, its loss, its scores and its pictures.

  Attributes:
    name: as given to `--task`.
    head: what the network's end looks like.
    image_size: (height, width) of the training images, in pixels.
    labels: names of the outputs, in order.
    sizes: examples per split.
    primary_metric: the score, higher is better, that decides.
    training_metric: the score that is taken of every training batch; '' = the primary one.
    mean: per-channel mean that was subtracted from images in [0, 1].
    deviation: per-channel standard deviation they were divided by.
    keep: share of a picture's shorter side that evaluation keeps.
    default_supernet: the preset that suits the images when `--supernet` names none.
    settings: what suits the loss, by flag name, in the place of the defaults; files, recipes and flags win over it.
    notes: what a user should know of the data, such as what of it is left out; a line each.
    picture_sizes: (height, width) of the training's pictures as they are, of a task that can show them at another `image_size` too.
    origins: {split: where it comes from}, in words, for splits that the source has not, or not as such, such as those drawn from train.
    contents: digest of data that lie in memory, so that a run goes on with the same data only; empty for tasks found by their names.
    semantics: what the outputs mean, for those who have a ticket and not its task: 'kind' (one of `KINDS`); of maps also 'colours',
      '#rrggbb' per label; of keypoints also 'skeleton', pairs of label numbers.
  """

  name: str
  head: HeadSpec
  image_size: tuple[int, int]
  labels: Sequence[str]
  sizes: Mapping[str, int]
  primary_metric: str
  training_metric: str = ''
  mean: tuple[float, float, float]
  deviation: tuple[float, float, float]
  keep: float = 1.0
  default_supernet: str = 'mobile'
  settings: Mapping[str, Any] = MappingProxyType({})
  notes: Sequence[str] = ()
  picture_sizes: Sequence[tuple[int, int]] = ()
  origins: Mapping[str, str] = MappingProxyType({})
  contents: str = ''
  semantics: Mapping[str, Any] = MappingProxyType({'kind': 'classification'})

  @property
  def normalisation(self) -> Normalisation:
    """`mean` and `deviation` with their arithmetic."""
    return Normalisation(self.mean, self.deviation)

  @staticmethod
  def from_datasets(
    train: Any,
    validation: Any = None,
    test: Any = None,
    *,
    labels: Sequence[str] = (),
    kind: str = '',
    name: str = 'own',
    void: int | None = 255,
    skeleton: Sequence[tuple[str, str]] = (),
    flip_pairs: Sequence[tuple[str, str]] | None = None,
    sigmas: Sequence[float] | None = None,
    **settings: Any,
  ) -> 'Task':
    """A task of data of one's own, which are read into memory, in their order, and checked.

    A split is a finite `tf.data.Dataset` of (image, target), in batches or not, or a tuple of arrays (images, targets). Images are
    [height, width, 3] with whole numbers from 0 to 255, or all of them such numbers over 255, of one size or several. Targets are

    - classification: labels [n], numbers from 0, or one-hot [n, classes];
    - segmentation: masks [n, height, width] of numbers from 0 and `void`, or from 1 where `void` is 0, as in ADE20K's files;
    - keypoints: [n, joints, 3], x and y in pixels and v, which is 0 where a joint is not labelled, 1 hidden, 2 visible; or [n, joints, 2]
      with NaN where it is not visible. Every image shows one person (or thing) and is seen as a whole. Where all places are whole
      numbers they name pixels, and half a pixel is added.

    Where there is no test, the validation is the test; what is missing then is a tenth of train, drawn by `data_seed`, of
    classification a tenth of every class. A shuffled dataset needs a seed: data in another order are other data to a run that goes on.

    Args:
      train: what is learned from.
      validation: what decides while learning; None = drawn.
      test: what is scored at the end; None = the validation, or drawn.
      labels: names of the classes or joints, in order; none = their numbers.
      kind: one of `KINDS`; '' = as the dimensions of the targets say, which `notes` tells.
      name: of the task, in messages and tickets.
      void: of masks, the number of pixels that count for nothing; None = all count.
      skeleton: of joints, pairs of labels that are connected; none = by their names.
      flip_pairs: of joints, pairs of labels that change places in a mirror; None = by their names, and where these do not pair
        every left one with a right one, images are not mirrored.
      sigmas: of joints, the tolerance of each, as COCO defines it; None = COCO's of its 17 joints, else their mean.
      **settings: of `DataConfig`, by name. Without `image_size` the network reads images as they are, if all have one size.

    Raises:
      UserError: what was given makes no task: the rule, what was found, and the way out.
    """
    module, config = plugins.module('tasks', '_datasets'), DataConfig.of(settings)
    splits = {'train': train, 'validation': validation, 'test': test}
    task = module.load(splits, labels, kind, name, config, module.Details(void, skeleton, flip_pairs, sigmas))
    check_labels(task.labels, task.name)
    # So that a run has them among its own, by which it knows whether it may go on.
    task.settings = MappingProxyType({**task.settings, **settings})
    return task

  @abc.abstractmethod
  def dataset(
    self,
    split: str,
    batch_size: int,
    *,
    training: bool = False,
    seed: int = 0,
    epoch: int = 0,
    start_batch: int = 0,
    share: tuple[int, int] = (0, 1),
  ) -> Any:
    """A finite `tf.data.Dataset` of (images [batch, height, width, 3] float32 normalised, targets).

    With `training` it is shuffled and augmented, keyed by (seed, epoch, example) so that the same call always gives
    the same batches, and incomplete batches are dropped; without, it is in a fixed order and complete. Targets are a tensor
    or a dictionary of tensors, one row per example.

    Args:
      split: one of `SPLITS`.
      batch_size: examples per batch.
      training: whether to shuffle, augment and drop the remainder.
      seed: of order and augmentation.
      epoch: of order and augmentation.
      start_batch: batches to leave out at the start, for a run that continues inside an epoch.
      share: of training on several workers, (which one's part of every batch, how many there are); asked of nobody else.
    """

  @abc.abstractmethod
  def loss(self, targets: Any, outputs: Any, label_smoothing: float = 0.0) -> Any:
    """Loss of each example, [batch] float32 (a TensorFlow computation).

    It is traced without AutoGraph: where a tensor decides, take `tf.where` or `tf.cond`, or decorate it with `@tf.function`.
    """

  @abc.abstractmethod
  def metrics(self) -> Metrics:
    """A fresh accumulator."""

  @abc.abstractmethod
  def sample(self, image: np.ndarray, target: np.ndarray, output: np.ndarray) -> Sample:
    """One example and a network's output in pictures and words.

    Args:
      image: [height, width, 3] uint8, as the network saw it.
      target: one of `dataset`'s targets.
      output: the network's.
    """

  def answers(self, infer: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    """Outputs for a batch of scored images; a task may look at them more than once."""
    return np.asarray(infer(images))

  def scored(self, split: str) -> int:
    """How many examples `dataset` gives of a split without `training`."""
    return self.sizes[split]

  def pictures(self, split: str) -> np.ndarray:
    """[n] the number of the picture that each example is of which `dataset` gives without `training`."""
    return np.arange(self.scored(split))

  def names(self, split: str) -> Sequence[str]:
    """What the pictures of a split are called, in the order of `dataset` without `training`; nothing where they have no names."""
    del split
    return ()

  def resized(self, size: tuple[int, int]) -> 'Task':
    """The same with pictures of another `image_size`, of a task that says its `picture_sizes`."""
    raise NotImplementedError(f'{self.name} shows pictures of {size} as little as others but its own')

  def batch_score(self, targets: Any, outputs: np.ndarray) -> float:
    """`training_metric` of one training batch."""
    metrics = self.metrics()
    metrics.update(targets, outputs)
    return metrics.result()[self.training_metric or self.primary_metric]

  def steps_per_epoch(self, batch_size: int) -> int:
    """Full training batches per epoch.

    Raises:
      TaskError: the training split is smaller than one batch.
    """
    steps = self.sizes['train'] // batch_size
    if not steps:
      raise TaskError(
        f'A batch is at most the training split. Received: batch_size={batch_size} for {self.sizes["train"]} training'
        f' examples of {self.name}. Use a smaller --batch_size.'
      )
    return steps


def size_settings(size: tuple[int, int]) -> dict[str, int]:
  """The settings of `DataConfig` that ask for images of `size`, (height, width) in pixels."""
  height, width = size
  return {'image_size': height} | ({'image_width': width} if width != height else {})


def refuse(config: DataConfig, fields: Sequence[str], kind: str) -> None:
  """Refuses settings that a kind of task does nothing with.

  Raises:
    TaskError: one of `fields` is not at its default.
  """
  defaults = DataConfig()
  for field in fields:
    value = getattr(config, field)
    if value != getattr(defaults, field):
      raise TaskError(f'--{field} means nothing to {kind}. Received: --{field}={value}. Leave it out.')


def check_labels(labels: Iterable[str], source: str) -> None:
  """Refuses names that reports, files for phones and terminals cannot all show.

  Args:
    labels: of the outputs.
    source: what messages call the task.

  Raises:
    TaskError: one has characters that are none of UTF-8, or control characters such as line breaks; or two look alike.
  """
  seen: dict[str, str] = {}
  for label in labels:
    if any(unicodedata.category(character) in _NO_CHARACTERS or character in _TURNING for character in label):
      raise TaskError(
        'Names of tasks, classes and joints are text of one line, in UTF-8 and without control characters. Received:'
        f' {ascii(label)} in {source}. Rename it.'
      )
    look = _as_seen(label)
    if look in seen:
      raise TaskError(f'No two names look alike. Received: {ascii(seen[look])} and {ascii(label)} in {source}. Rename or join them.')
    seen[look] = label


def _as_seen(label: str) -> str:
  """A name without what nobody sees: the form of its letters in Unicode, marks of no width, how many blanks there are and of which kind."""
  text = unicodedata.normalize('NFC', label)
  return ' '.join(''.join(each for each in text if unicodedata.category(each) != 'Cf').split())
