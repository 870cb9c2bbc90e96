"""Image classification: what all such tasks share, whatever their pictures come from."""

import collections
from collections.abc import Iterator, Mapping, Sequence
import copy

import numpy as np
import tensorflow as tf

from st_tf.arch.specs import HeadSpec
from st_tf.task import SPLITS, DataConfig, Metrics, Normalisation, Sample, Task, TaskError, confusion, most_likely, refuse
from tasks import _augment, _randaugment, _reading, _statistics
from tasks._class_weights import class_weights
from tasks._splits import Examples, check_labels, drawn, origin_notes, origins, subset

_SHOWN_LABELS = 5
_TOP = 5  # Among the first five of five classes each is.
# Streams of the numbers that are drawn per (seed, epoch).
_ORDER, _GEOMETRY, _RANDAUGMENT, _MIXUP = range(4)


class ClassificationTask(Task):
  """Pictures of which each shows one of several classes."""

  primary_metric = 'top1'

  def __init__(
    self,
    name: str,
    labels: Sequence[str],
    splits: Mapping[str, Examples],
    config: DataConfig,
    *,
    size: int,
    default_supernet: str,
    statistics: Normalisation | None = None,
    keep: float = 1.0,
    notes: Sequence[str] = (),
  ):
    """Completes and checks the splits.

    Args:
      name: as given to `--task`.
      labels: names of the classes, in order.
      splits: 'train' and, where the source has them, 'validation' and 'test'.
      config: how the data is prepared.
      size: side of the pictures in pixels.
      default_supernet: preset that suits them.
      statistics: what the pictures are normalised with; None = those of the train split, which then is an array.
      keep: share of the shorter side that evaluation keeps.
      notes: what should be known of the data, a line each.

    Raises:
      TaskError: fewer than two classes, labels that are none, an empty split, or settings that fit no task.
    """
    if len(labels) < 2:
      raise TaskError(f'A classification task has at least two classes. Received: {list(labels)} in {name}. Add a class.')
    refuse(config, ('class_names', 'void', 'category', 'detections', 'window_overlap', 'flip_test', 'image_width'), 'classification')
    if config.mixup < 0:
      raise TaskError(f'--mixup is not negative. Received: {config.mixup}.')
    checked = {
      split: Examples(examples.images, check_labels(examples.labels, len(labels), f'the {split} split of {name}'))
      for split, examples in splits.items()
    }
    self.name, self.labels, self.default_supernet = name, tuple(labels), default_supernet
    self.head = HeadSpec('classification', len(self.labels))
    self.image_size = (size, size)
    self.origins = origins(checked)
    splits = drawn(checked, config, name)
    # Before sub-sampling: the same picture has the same values whatever --train_examples is.
    normalisation = statistics or _statistics.measured(splits['train'].images.pixels)
    self.mean, self.deviation = normalisation.mean, normalisation.deviation
    self._splits = splits | {'train': subset(splits['train'], config, name)}
    self.sizes = {split: len(self._splits[split].labels) for split in SPLITS}
    self._config, self.keep = config, keep
    self.notes = (*notes, *origin_notes(name, self.origins), *self._absent())
    self._class_weights = class_weights(config.class_weights, len(self.labels), self._splits['train'].labels)

  def _absent(self) -> Iterator[str]:
    """What is said of classes of which a split has no example."""
    for split, outcome in (('train', 'cannot be learned'), ('validation', 'is not scored there'), ('test', 'is not scored there')):
      counts = np.bincount(self._splits[split].labels, minlength=len(self.labels))
      absent = [self.labels[index] for index in np.flatnonzero(counts == 0)]
      if absent:
        rest = f' and {len(absent) - _SHOWN_LABELS:,} more' if len(absent) > _SHOWN_LABELS else ''
        yield f'{self.name}: {split} has no picture of {", ".join(absent[:_SHOWN_LABELS])}{rest}, which {outcome}'

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
  ) -> tf.data.Dataset:
    """As `Task.dataset`; targets are [batch, classes] float32, one-hot unless mixed.

    Raises:
      TaskError: no such split, or a batch size or start below its minimum.
    """
    _reading.check(split, batch_size, start_batch)
    examples = self._splits[split]
    order, draws = np.arange(len(examples.labels)), None
    if training:
      order = np.random.default_rng((seed, epoch, _ORDER)).permutation(order)
      draws = _augment.draw(seed, epoch, _GEOMETRY, (len(order), _augment.GEOMETRY_DRAWS))
    order, batch_size = _reading.of_worker(order[start_batch * batch_size :], batch_size, share)
    batches = examples.images.batches(order, batch_size, draws)
    finish = self._finish(examples.labels, (seed, epoch) if training else None)
    return _reading.ahead(batches.map(finish, num_parallel_calls=_reading.PARALLEL))

  def _finish(self, labels: np.ndarray, key: tuple[int, int] | None):
    """The function (indices, uint8 images) -> (images, targets); `key` is (seed, epoch) when training."""
    all_labels = tf.constant(labels)
    normalise = _statistics.normaliser(self.normalisation)
    changes = mixing = None
    if key and self._config.randaugment:
      changes = tf.constant(_augment.draw(*key, _RANDAUGMENT, (len(labels), *_randaugment.DRAWS)))
    if key and self._config.mixup:
      rng = np.random.default_rng((*key, _MIXUP))
      mixing = tf.constant(rng.beta(self._config.mixup, self._config.mixup, len(labels)), tf.float32)

    def finish(indices: tf.Tensor, pixels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
      images = tf.cast(pixels, tf.float32)
      if changes is not None:
        images = _randaugment.apply(images, tf.gather(changes, indices))
      images = normalise(images)
      targets = tf.one_hot(tf.gather(all_labels, indices), len(self.labels))
      if mixing is not None:
        return _augment.mix(images, targets, tf.gather(mixing, indices))
      return images, targets

    return finish

  def loss(self, targets: tf.Tensor, outputs: tf.Tensor, label_smoothing: float = 0.0) -> tf.Tensor:
    """Softmax cross-entropy of each example, times its class's weight, [batch] float32.

    Args:
      targets: [batch, classes] probabilities.
      outputs: [batch, classes] logits.
      label_smoothing: share of the target that is spread evenly over all classes.
    """
    smooth = targets * (1 - label_smoothing) + label_smoothing / len(self.labels)
    losses = tf.nn.softmax_cross_entropy_with_logits(smooth, outputs)
    return losses if self._class_weights is None else losses * tf.linalg.matvec(targets, self._class_weights)

  def names(self, split: str) -> Sequence[str]:
    """As `Task.names`: of pictures in files, these."""
    return self._splits[split].images.names

  def resized(self, size: tuple[int, int]) -> 'ClassificationTask':
    """As `Task.resized`."""
    copied = copy.copy(self)
    splits = {split: Examples(found.images.resized(size[0]), found.labels) for split, found in self._splits.items()}
    copied.image_size, copied._splits = size, splits
    return copied

  def metrics(self) -> 'ClassificationMetrics':
    """A fresh accumulator of top1, top5 and loss."""
    return ClassificationMetrics(self.labels)

  def sample(self, image: np.ndarray, target: np.ndarray, output: np.ndarray) -> Sample:
    """The image with its label and the most likely ones; `target` is [classes], shares of each."""
    return Sample((('', image),), self.labels[int(np.argmax(target))], tuple(most_likely(np.asarray(output), self.labels, _SHOWN_LABELS)))


class ClassificationMetrics(Metrics):
  """Exact top-1, top-5 and mean cross-entropy without smoothing or weights."""

  def __init__(self, labels: Sequence[str]):
    """Starts at zero examples of `labels`."""
    self._labels = labels
    self._counts, self._hits = np.zeros(len(labels), np.int64), np.zeros(len(labels), np.int64)
    self._hits5, self._loss = 0, 0.0
    self._pairs: collections.Counter[tuple[int, int]] = collections.Counter()  # Of thousands of classes few pairs occur.

  def update(self, targets: np.ndarray, outputs: np.ndarray) -> None:
    """Adds one batch: targets [batch, classes] one-hot, outputs [batch, classes] logits."""
    outputs = np.asarray(outputs, np.float64)
    truth = np.asarray(targets).argmax(-1)
    own = np.take_along_axis(outputs, truth[:, None], -1)
    # Equal logits rank by class number.
    ahead = (outputs > own) | ((outputs == own) & (np.arange(outputs.shape[-1]) < truth[:, None]))
    # Nothing compares as greater than NaN: without this line a network that diverged would score 1.
    told = np.isfinite(outputs).all(-1)
    rank = np.where(told, ahead.sum(-1), outputs.shape[-1] + _TOP)
    self._counts += np.bincount(truth, minlength=len(self._labels))
    self._pairs.update(zip(truth[told].tolist(), outputs[told].argmax(-1).tolist()))
    self._hits += np.bincount(truth[rank == 0], minlength=len(self._labels))
    self._hits5 += int((rank < _TOP).sum())
    self._loss -= float(np.take_along_axis(_log_softmax(outputs), truth[:, None], -1).sum())

  def result(self) -> dict[str, float]:
    """{'top1', 'top5', 'loss'}; scores are fractions, and 'top5' is left out where there are no more than five classes.

    Raises:
      TaskError: nothing was added yet.
    """
    count = int(self._counts.sum())
    if not count:
      raise TaskError('Scores are taken over at least one example. Received: 0.')
    among = {'top5': self._hits5 / count} if len(self._labels) > _TOP else {}
    return {'top1': int(self._hits.sum()) / count, **among, 'loss': self._loss / count}

  def per_class(self) -> dict[str, dict[str, float]]:
    """{label: {'count', 'top1'}}; the score of a class without examples is 0."""
    pairs = zip(self._labels, self._counts, self._hits)
    return {label: {'count': int(count), 'top1': float(hits / max(count, 1))} for label, count, hits in pairs}

  def confusion(self) -> dict[str, dict[str, int]]:
    """As `Metrics.confusion`, in examples."""
    return confusion.table(self._labels, self._pairs.items())


def _log_softmax(outputs: np.ndarray) -> np.ndarray:
  shifted = outputs.astype(np.float64) - outputs.max(-1, keepdims=True)
  return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
