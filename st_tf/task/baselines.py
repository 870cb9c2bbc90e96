"""What a result has to beat: chance, the same answer for all, and a linear model of simple features, fitted within seconds."""

from collections.abc import Callable, Iterator, Mapping
import itertools
from typing import Any

import numpy as np

from st_tf.task import Task, features
from st_tf.task.confidence import Interval
from st_tf.task.scoring import interval, readable

CHANCE, COMMONEST, POSE, LINEAR = 'chance', 'most frequent class', 'mean pose', 'linear model'

_LEARNED = 5000  # Examples that are learned from at most.
_SCORED = 20000  # A split with more than these is not read.
_BATCH = 64
_STRENGTHS = np.logspace(-1, 5, 13)  # Of ridge regressions; examples that are left out decide.
_STRIDE = 4  # Maps of answers are that much smaller than pictures.
_PLACES = 30000  # Of all pictures together, whose classes are learned from.
_ROUNDS = 300
_UNSEEN = -1e3  # Logit of a class that the training pictures do not show.

Answer = Callable[[np.ndarray], np.ndarray]


class Baselines:
  """Ways to answer that hardly look at pictures, fitted to those of the training as they are; of more than 5,000 to as many, as a training
  sees them.

  Classification: any class, the most frequent one, ridge regression on features of the picture.
  Segmentation: the most frequent class everywhere, logistic regression on colours and place of each place.
  Keypoints: the mean place of every joint, ridge regression of the places on features of the crop.

  Args:
    task: that they are fitted to, when scores are first asked for.
  """

  def __init__(self, task: Task):
    self._task = task
    self._answers: Mapping[str, Answer] = {}
    self._scores: dict[str, dict[str, float]] = {}
    self._intervals: dict[str, dict[str, Interval]] = {}

  def scores(self, split: str) -> dict[str, float]:
    """The task's primary metric of each, by name; none of a task whose targets are its own.

    Args:
      split: which examples; of one with more than 20,000 only chance is known.
    """
    if split not in self._scores:
      self._scores[split], self._intervals[split] = self._measured(split)
    return self._scores[split]

  def intervals(self, split: str) -> dict[str, Interval]:
    """The 95% interval of each of `scores` that has one: chance is known, and has none.

    Args:
      split: which examples.
    """
    self.scores(split)
    return self._intervals[split]

  def _measured(self, split: str) -> tuple[dict[str, float], dict[str, Interval]]:
    task = self._task
    if not _is_known(task):
      return {}, {}
    found = {CHANCE: 1 / len(task.labels)} if task.primary_metric == 'top1' else {}
    if task.scored(split) > _SCORED:
      return found, {}
    self._answers = self._answers or _FITTED[task.semantics['kind']](task)
    metrics = {name: task.metrics() for name in self._answers}
    for images, targets in readable(task.dataset(split, _BATCH).as_numpy_iterator()):
      for name, answer in self._answers.items():
        metrics[name].update(targets, task.answers(answer, images))
    intervals = {name: interval(scores, task, (split,)) for name, scores in metrics.items()}
    found |= {name: scores.result()[task.primary_metric] for name, scores in metrics.items()}
    return found, {name: known for name, known in intervals.items() if known}


def _is_known(task: Task) -> bool:
  """Whether the targets are those that all tasks of its kind have."""
  targets = task.dataset('validation', 1).element_spec[1]
  if task.semantics['kind'] == 'keypoints':
    return isinstance(targets, Mapping) and 'joints' in targets
  shape = getattr(targets, 'shape', None)
  rank = None if shape is None else shape.rank
  return rank == 3 if task.semantics['kind'] == 'segmentation' else rank == 2 and shape[1] == len(task.labels)


def _examples(task: Task) -> Iterator[tuple[np.ndarray, Any]]:
  """Batches of (pixels from 0 to 1, targets) of the training: all as they are, or of more than can be used some, shuffled."""
  size = task.sizes['train']
  batches = task.dataset('train', min(_BATCH, size), training=size > _LEARNED)
  for images, targets in itertools.islice(readable(batches.as_numpy_iterator()), -(-_LEARNED // _BATCH)):
    yield _pixels(task, images), targets


def _pixels(task: Task, images: np.ndarray) -> np.ndarray:
  return task.normalisation.to_bytes(np.asarray(images, np.float32)) / 255


def _scaled(model: Any) -> Any:
  """The linear model on features of mean 0 and deviation 1."""
  from sklearn.pipeline import make_pipeline
  from sklearn.preprocessing import StandardScaler

  return make_pipeline(StandardScaler(), model)


def _classification(task: Task) -> dict[str, Answer]:
  from sklearn.linear_model import RidgeClassifierCV  # Loading it takes a second, which only those wait who want it.

  pairs = [(features.of_pictures(pixels), targets.argmax(-1)) for pixels, targets in _examples(task)]
  inputs, truth = (np.concatenate(values) for values in zip(*pairs))
  answers = {COMMONEST: _always(np.bincount(truth, minlength=len(task.labels)))}
  seen = np.unique(truth)
  if len(seen) < 2:
    return answers
  model = _scaled(RidgeClassifierCV(_STRENGTHS)).fit(inputs, truth)

  def linear(images: np.ndarray) -> np.ndarray:
    found = model.decision_function(features.of_pictures(_pixels(task, images)))
    return _over_all(np.stack([-found, found], -1) if len(seen) == 2 else found, seen, len(task.labels))

  return answers | {LINEAR: linear}


def _segmentation(task: Task) -> dict[str, Answer]:
  from sklearn.linear_model import LogisticRegression

  shape, rng, pairs = tuple(-(-side // _STRIDE) for side in task.image_size), np.random.default_rng(0), []
  rows, columns = ((np.arange(count) * side // count + side // (2 * count)) for count, side in zip(shape, task.image_size))
  each = -(-_PLACES // min(task.sizes['train'], _LEARNED))
  for pixels, masks in _examples(task):
    for view, label in zip(features.of_places(pixels, shape), masks[:, rows[:, None], columns]):
      taken = rng.permutation(np.flatnonzero(label >= 0))[:each]
      pairs.append((view.reshape(label.size, -1)[taken], label.reshape(-1)[taken]))
  inputs, truth = (np.concatenate(values) for values in zip(*pairs))
  answers = {COMMONEST: _always(np.bincount(truth, minlength=len(task.labels)), shape)}
  seen = np.unique(truth)
  if len(seen) < 2:
    return answers
  model = _scaled(LogisticRegression(max_iter=_ROUNDS)).fit(inputs, truth)

  def linear(images: np.ndarray) -> np.ndarray:
    views = features.of_places(_pixels(task, images), shape)
    found = model.predict_log_proba(views.reshape(-1, views.shape[-1]))
    return _over_all(found.reshape(*views.shape[:3], -1), seen, len(task.labels))

  return answers | {LINEAR: linear}


def _keypoints(task: Task) -> dict[str, Answer]:
  from sklearn.linear_model import RidgeCV

  pairs = [(features.of_pictures(pixels), targets['joints']) for pixels, targets in _examples(task)]
  inputs, joints = (np.concatenate(values) for values in zip(*pairs))
  labelled, middle = joints[..., 2:] > 0, np.asarray(task.image_size[::-1]) / 2
  known = labelled.sum(0)
  mean = np.where(known, (joints[..., :2] * labelled).sum(0) / np.maximum(known, 1), middle)
  # A joint that is not labelled is taken to be at its mean.
  places = np.where(labelled, joints[..., :2], mean).reshape(len(joints), -1)
  model = _scaled(RidgeCV(_STRENGTHS)).fit(inputs, places)

  def linear(images: np.ndarray) -> np.ndarray:
    found = model.predict(features.of_pictures(_pixels(task, images)))
    return _heatmaps(found.reshape(-1, *mean.shape), task.image_size)

  return {POSE: lambda images: _heatmaps(np.broadcast_to(mean, (len(images), *mean.shape)), task.image_size), LINEAR: linear}


_FITTED = {'classification': _classification, 'segmentation': _segmentation, 'keypoints': _keypoints}


def _always(counts: np.ndarray, shape: tuple[int, ...] = ()) -> Answer:
  """The most frequent class, over a map of `shape`."""
  output = np.asarray(counts, np.float64) / max(counts.sum(), 1)
  return lambda images: np.broadcast_to(output, (len(images), *shape, len(output)))


def _over_all(outputs: np.ndarray, seen: np.ndarray, classes: int) -> np.ndarray:
  """Outputs [..., seen] as [..., classes]."""
  found = np.full((*outputs.shape[:-1], classes), _UNSEEN)
  found[..., seen] = outputs
  return found


def _heatmaps(places: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """[n, rows, columns, joints] that are highest at the places [n, joints, 2], x and y in pixels of a crop of (height, width)."""
  rows, columns = (np.arange(_STRIDE / 2, side, _STRIDE) for side in size)
  down, across = ((cells[:, None] - places[:, None, :, axis]) / _STRIDE for axis, cells in ((1, rows), (0, columns)))
  return np.exp(-(down[:, :, None] ** 2 + across[:, None] ** 2) / 2)
