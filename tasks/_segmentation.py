"""Semantic segmentation: a class for every pixel. What all such tasks share, whatever their pictures come from."""

from collections.abc import Callable, Mapping, Sequence
import colorsys
import copy

import numpy as np
import tensorflow as tf

from st_tf.arch.specs import HeadSpec
from st_tf.task import SPLITS, DataConfig, Metrics, Sample, Task, TaskError, confusion, refuse
from st_tf.task.confidence import resampled
from st_tf.task.maps import labelled
from tasks import _augment, _masks, _reading, _statistics
from tasks._class_weights import class_weights
from tasks._masks import IGNORED, MaskedImages
from tasks._splits import at_random, drawn, origin_notes, origins, subset

# Streams of the numbers that are drawn per (seed, epoch).
_ORDER, _GEOMETRY = range(2)
_GOLDEN = 0.618034


class SegmentationTask(Task):
  """Pictures with a class for every pixel; the metric that decides is the mean intersection over union."""

  primary_metric = 'miou'
  training_metric = 'aacc'  # One batch shows too few of the classes for a mean over them.

  def __init__(
    self,
    name: str,
    labels: Sequence[str],
    splits: Mapping[str, MaskedImages],
    config: DataConfig,
    *,
    shape: tuple[int, int],
    default_supernet: str = 'mobile_dense',
    notes: Sequence[str] = (),
  ):
    """Checks the settings; the pictures are read when they are due.

    Args:
      name: as given to `--task`.
      labels: names of the classes, in order.
      splits: 'train' and, where the source has them, 'validation' and 'test'.
      config: how the data is prepared.
      shape: (height, width) that the network reads, in pixels.
      default_supernet: preset that suits the pictures.
      notes: what should be known of the data, a line each.

    Raises:
      TaskError: fewer than two classes, an empty split, or settings that fit no such task.
    """
    if len(labels) < 2:
      way_out = 'Add a class, or say by --void which numbers count for nothing.'
      raise TaskError(f'A segmentation task has at least two classes. Received: {list(labels)} in {name}. {way_out}')
    refuse(config, ('randaugment', 'mixup', 'detections', 'category'), 'segmentation')
    if not 0 <= config.window_overlap < 1:
      raise TaskError(f'--window_overlap lies in [0, 1). Received: {config.window_overlap:g}. Write a half as --window_overlap=0.5.')
    for split, images in splits.items():
      if not len(images):
        raise TaskError(f'A split has at least one example. Received: an empty {split} split in {name}. Add pictures with masks.')
    self.name, self.labels, self.default_supernet = name, tuple(labels), default_supernet
    self.origins = origins(splits)
    self.notes = (*notes, *origin_notes(name, self.origins))
    self.head = HeadSpec('dense', len(self.labels))
    self.image_size = shape
    self.mean, self.deviation = _statistics.PHOTOGRAPHS.mean, _statistics.PHOTOGRAPHS.deviation
    self.semantics = {'kind': 'segmentation', 'colours': [_written(colour) for colour in palette(len(self.labels))]}
    splits = drawn(splits, config, name, at_random)
    self._splits = splits | {'train': subset(splits['train'], config, name, at_random)}
    self._check_shown()
    self._flip_test, self._overlap = config.flip_test, config.window_overlap
    self.sizes = {split: len(self._splits[split]) for split in SPLITS}
    self._class_weights = class_weights(config.class_weights, len(self.labels))

  def _check_shown(self) -> None:
    """Refuses a split whose truth is one class: nothing could be learned from it, and a score over it would be a score of nothing."""
    for split, images in self._splits.items():
      shown = images.shown(len(self.labels))
      there = np.flatnonzero(shown.any(0))
      if len(there) < 2:
        only = f'{self.labels[there[0]]!r} alone' if len(there) else 'void alone'
        raise TaskError(
          f'The masks of a split show at least two classes. Received: {only} in the {split} split of {self.name}, {len(images)} pictures.'
          ' Add pictures that show another class, draw other splits by --data_seed, or say by --void which numbers count for nothing.'
        )

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
    """As `Task.dataset`; targets are [batch, height, width] int32 with classes or `IGNORED`.

    Outside of training every picture is shown at its own scale, in as many windows as it takes; each pixel counts once.

    Raises:
      TaskError: no such split, or a batch size or start below its minimum; in reading, a bad file.
    """
    _reading.check(split, batch_size, start_batch)
    images = self._splits[split]
    if training:
      order = np.random.default_rng((seed, epoch, _ORDER)).permutation(len(images))
      draws = _augment.draw(seed, epoch, _GEOMETRY, (len(images), _masks.DRAWS))
      order, batch_size = _reading.of_worker(order[start_batch * batch_size :], batch_size, share)
      batches = _masks.training_batches(images, order, batch_size, draws, self.image_size)
    else:
      batches = _masks.scoring_batches(images, batch_size, self.image_size, self._overlap, start_batch)
    normalise = _statistics.normaliser(self.normalisation)
    return _reading.ahead(batches.map(lambda pixels, labels: (normalise(pixels), labels)))

  def loss(self, targets: tf.Tensor, outputs: tf.Tensor, label_smoothing: float = 0.0) -> tf.Tensor:
    """Softmax cross-entropy of each example, the mean over its pixels that count, [batch] float32.

    Args:
      targets: [batch, height, width] classes or `IGNORED`.
      outputs: [batch, rows, columns, classes] logits, which are enlarged to the targets.
      label_smoothing: share of the target that is spread evenly over all classes.
    """
    logits = tf.image.resize(outputs, tf.shape(targets)[1:3])
    counted = tf.cast(tf.not_equal(targets, IGNORED), tf.float32)
    if self._class_weights is not None:
      counted *= tf.gather(self._class_weights, tf.maximum(targets, 0))
    # A pixel that is ignored is all zeros here, and so has no loss.
    wanted = tf.one_hot(targets, len(self.labels))
    wanted = wanted * (1 - label_smoothing) + label_smoothing / len(self.labels)
    losses = tf.nn.softmax_cross_entropy_with_logits(wanted, logits) * counted
    return tf.reduce_sum(losses, (1, 2)) / tf.maximum(tf.reduce_sum(counted, (1, 2)), 1.0)

  def resized(self, size: tuple[int, int]) -> 'SegmentationTask':
    """As `Task.resized`, of the windows."""
    copied = copy.copy(self)
    copied.image_size = size
    return copied

  def metrics(self) -> 'SegmentationMetrics':
    """A fresh accumulator."""
    return SegmentationMetrics(self.labels)

  def answers(self, infer: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    """Logits; with `flip_test` the mean of those of the images and of their mirror images."""
    outputs = np.asarray(infer(images))
    if self._flip_test:
      outputs = (outputs + np.asarray(infer(images[:, :, ::-1]))[:, :, ::-1]) / 2
    return outputs

  def batch_score(self, targets: np.ndarray, outputs: np.ndarray) -> float:
    """Accuracy of the pixels in the middle of the outputs' places; 0 where none of them counts."""
    rows, columns = (((np.arange(count) + 0.5) * side / count).astype(int) for count, side in zip(outputs.shape[1:3], targets.shape[1:]))
    seen = targets[:, rows[:, None], columns]
    return super().batch_score(seen, outputs) if (seen != IGNORED).any() else 0.0

  def scored(self, split: str) -> int:
    """As `Task.scored`: windows, of which a large picture has several."""
    return len(self.pictures(split))

  def pictures(self, split: str) -> np.ndarray:
    """As `Task.pictures`: windows of one picture have its number."""
    return np.asarray([index for index, *_ in _masks.windows(self._splits[split], self.image_size, self._overlap)])

  def sample(self, image: np.ndarray, target: np.ndarray, output: np.ndarray) -> Sample:
    """The image, the true and the predicted classes as colours side by side, and how well they agree."""
    colours = palette(len(self.labels))
    answer = labelled(output, image.shape[:2])
    metrics = self.metrics()
    metrics.update(target[None], output[None])
    agreed = f', {metrics.result()["aacc"]:.0%} right' if (target != IGNORED).any() else ''
    truth = np.where((target == IGNORED)[..., None], 0, colours[np.maximum(target, 0)]).astype(np.uint8)
    pictures = (('image', image), ('truth', truth), (f'prediction{agreed}', colours[answer]))
    return Sample(pictures, legend=tuple(zip(self.labels, self.semantics['colours'])))


class SegmentationMetrics(Metrics):
  """Mean IoU, mean accuracy of the classes and accuracy of all pixels, exactly, from one confusion matrix.

  A class that is neither in the truth nor in the answers does not count, as in the usual evaluations (MMSegmentation).
  """

  def __init__(self, labels: Sequence[str]):
    """Starts at zero pixels of `labels`."""
    self._labels = labels
    self._counts = np.zeros((len(labels), len(labels)), np.int64)  # [truth, answer]
    self._tallies: list[np.ndarray] = []  # Of each example [right, truth, answers; classes], pixels.

  def update(self, targets: np.ndarray, outputs: np.ndarray) -> None:
    """Adds one batch: targets [batch, height, width], outputs [batch, rows, columns, classes] logits."""
    count = len(self._labels)
    for target, output in zip(np.asarray(targets), outputs):  # One by one: enlarged, a batch can take gigabytes.
      logits = tf.image.resize(output, target.shape).numpy()
      counted = target != IGNORED
      # Answers that are no numbers are wrong, whatever the truth.
      broken = ~np.isfinite(logits).all(-1)
      answers = np.where(broken, (target + 1) % count, logits.argmax(-1))
      counts = np.bincount((target * count + answers)[counted], minlength=count**2).reshape(count, count)
      self._counts += counts
      self._tallies.append(_tally(counts))

  def result(self) -> dict[str, float]:
    """{'miou', 'macc', 'aacc'}, as fractions.

    Raises:
      TaskError: no pixel was added yet.
    """
    if not self._counts.sum():
      raise TaskError('Scores are taken over at least one pixel. Received: none that counts. Are all masks void?')
    right, truths = np.diag(self._counts), self._counts.sum(1)
    there = truths > 0
    return {
      'miou': float(np.nanmean(_ious(_tally(self._counts)))),
      'macc': float((right[there] / truths[there]).mean()),
      'aacc': float(right.sum() / truths.sum()),
    }

  def per_class(self) -> dict[str, dict[str, float]]:
    """{label: {'count', 'iou'}}; the score of a class that did not occur is 0."""
    return {
      label: {'count': int(count), 'iou': float(np.nan_to_num(iou))}
      for label, count, iou in zip(self._labels, self._counts.sum(1), _ious(_tally(self._counts)))
    }

  def confusion(self) -> dict[str, dict[str, int]]:
    """As `Metrics.confusion`, in pixels."""
    return confusion.table(self._labels, np.ndenumerate(self._counts))

  def interval(self, pictures: np.ndarray) -> tuple[float, float] | None:
    """As `Metrics.interval`, of the mean IoU: pictures are drawn anew, each with all its windows."""
    numbers, rows = np.unique(pictures, return_inverse=True)
    tallies = np.zeros((len(numbers), 3 * len(self._labels)))
    np.add.at(tallies, rows, np.reshape(self._tallies, (len(rows), -1)))

    def drawn(times: np.ndarray) -> float:
      ious = _ious((times @ tallies).reshape(3, -1))
      return float(np.nanmean(ious)) if np.isfinite(ious).any() else np.nan

    return resampled(drawn, len(numbers))


def _tally(counts: np.ndarray) -> np.ndarray:
  """What an IoU needs of counts [truth, answer]: right, truth and answers of each class, [3, classes]."""
  return np.stack([np.diag(counts), counts.sum(1), counts.sum(0)])


def _ious(tally: np.ndarray) -> np.ndarray:
  """[classes], NaN where a class did not occur; `tally` is [3, classes]."""
  right, truths, answers = tally.astype(np.float64)
  union = truths + answers - right
  return np.divide(right, union, out=np.full(len(right), np.nan), where=union > 0)


def palette(count: int) -> np.ndarray:
  """[count, 3] uint8 colours that are easy to tell apart: hues in golden steps, in three brightnesses; the first is grey."""
  hues = [colorsys.hsv_to_rgb(index * _GOLDEN % 1, (0.75, 0.55)[index // 3 % 2], (0.95, 0.7, 0.5)[index % 3]) for index in range(1, count)]
  return np.asarray(np.rint(255 * np.asarray([(0.8, 0.8, 0.8), *hues])), np.uint8)


def _written(colour: np.ndarray) -> str:
  return '#' + bytes(colour.tolist()).hex()
