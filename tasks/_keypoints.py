"""Human keypoints: a heatmap for every joint of a person. What all such tasks share, whatever their pictures come from."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import numpy as np
import tensorflow as tf

from st_tf.arch.specs import HeadSpec
from st_tf.task import SPLITS, DataConfig, Sample, Task, TaskError, refuse
from st_tf.task.maps import SHOWN_CONFIDENCE, decode, with_joints
from tasks import _augment, _crops, _heatmaps, _reading, _skeletons, _statistics
from tasks._oks import KeypointMetrics, correct
from tasks._people import Annotations, People
from tasks._splits import at_random, chosen, origin_notes

# Streams of the numbers that are drawn per (seed, epoch).
_ORDER, _GEOMETRY = range(2)
_LONGEST_LEGEND = 20


class KeypointTask(Task):
  """People in pictures, one per example, with places for their joints; the metric that decides is COCO's average precision.

  The network sees the part of a picture around a person's box and answers with a heatmap per joint, [batch, rows, columns, joints], at
  a resolution of its own. Targets are places and not heatmaps, so that the loss can draw them at that resolution.
  """

  primary_metric = 'ap'
  training_metric = 'pck'
  # A heatmap is empty but for a few cells. Its squared error is small and far steeper along the mean of the features than along any
  # other direction: SGD diverges there, or learns nothing. Weight decay at its default would outweigh such a loss.
  settings = MappingProxyType({'optimizer': 'adam', 'learning_rate': 0.003, 'optimizer_epsilon': 1e-8, 'weight_decay': 1e-8})

  def __init__(
    self,
    name: str,
    splits: Mapping[str, People],
    config: DataConfig,
    *,
    shape: tuple[int, int],
    turn: float = _crops.TURN,
    default_supernet: str = 'mobile_dense',
    origins: Mapping[str, str] = MappingProxyType({}),
  ):
    """Checks the settings; the pictures are read when they are due.

    Args:
      name: as given to `--task`.
      splits: 'train', 'validation' and 'test'.
      config: how the data is prepared.
      shape: (height, width) that the network reads, in pixels.
      turn: deviation of the angle by which training examples are turned, in degrees.
      default_supernet: preset that suits the pictures.
      origins: as of `Task`.

    Raises:
      TaskError: an empty split, or settings that fit no such task.
    """
    refuse(config, ('randaugment', 'mixup', 'class_weights', 'class_names', 'void', 'window_overlap'), 'keypoints')
    for split in SPLITS:
      if not len(splits[split]):
        raise TaskError(f'A split has at least one person. Received: an empty {split} split of {name}. Add people.')
    joints = splits['train'].annotations.joints
    if config.flip_test and joints.pairs is None:
      raise TaskError(
        f'--flip_test needs to know which joints change places in a mirror. Received: the joints {", ".join(joints.names):.200} of {name}:'
        f' {joints.mirror}. Add them to the category in the annotation file.'
      )
    self.name, self.labels, self.default_supernet = name, joints.names, default_supernet
    self.head, self.image_size = HeadSpec('dense', len(self.labels)), shape
    self.mean, self.deviation = _statistics.PHOTOGRAPHS.mean, _statistics.PHOTOGRAPHS.deviation
    colours = _skeletons.written_colours(joints)
    self.semantics = {'kind': 'keypoints', 'skeleton': [list(limb) for limb in joints.limbs], 'colours': colours}
    self._config, self._turn, self._joints = config, turn, joints
    self._splits = {split: splits[split] for split in SPLITS}
    # Targets number the examples through all splits: a score is told the example, but not the split.
    self._starts = dict(zip(SPLITS, np.cumsum([0, *(len(people) for people in self._splits.values())]).tolist()))
    self._chosen = chosen(splits['train'], config, name, at_random)
    self.sizes = {split: len(people) for split, people in self._splits.items()} | {'train': len(self._chosen)}
    sources = {people.annotations.source: people.annotations for people in self._splits.values()}
    notes = (note for annotations in sources.values() for note in _notes(annotations))
    self.origins = dict(origins)
    self.notes = (f'{name}: {joints.mirror}', *notes, *origin_notes(name, origins))

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
    """As `Task.dataset`; targets are a dictionary of

    'joints': [batch, joints, 3] float32, x and y in pixels of the crop (as in `_crops`) and the weight: 1 for a labelled joint inside
    the crop, else 0;
    'example': [batch] int64, the example's number, counted through train, validation and test.

    Raises:
      TaskError: no such split, or a batch size or start below its minimum; in reading, a bad file.
    """
    _reading.check(split, batch_size, start_batch)
    people, draws = self._splits[split], None
    order = self._chosen if split == 'train' else np.arange(len(people))
    if training:
      order = np.random.default_rng((seed, epoch, _ORDER)).permutation(order)
      draws = _augment.draw(seed, epoch, _GEOMETRY, (len(people), _crops.DRAWS))

    def load(index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
      return self._example(people, int(index), None if draws is None else draws[index])

    def read(index: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
      # Not stateful: reading a file twice gives the same, and stateful maps run one by one when operations are deterministic.
      pixels, joints = tf.numpy_function(load, [index], (tf.uint8, tf.float32), stateful=False)
      image = normalise(tf.ensure_shape(pixels, [*self.image_size, 3]))
      return image, {'joints': tf.ensure_shape(joints, [len(self.labels), 3]), 'example': index + self._starts[split]}

    normalise = _statistics.normaliser(self.normalisation)
    order, batch_size = _reading.of_worker(order[start_batch * batch_size :], batch_size, share)
    indices = tf.data.Dataset.from_tensor_slices(order.astype(np.int64))
    examples = indices.map(read, num_parallel_calls=_reading.PARALLEL)
    return _reading.ahead(examples.batch(batch_size, drop_remainder=training))

  def _example(self, people: People, index: int, draw: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """(crop [height, width, 3] uint8, joints [joints, 3] float32) of an example, augmented where numbers are drawn."""
    zoom, angle, flip = (1.0, 0.0, False) if draw is None else _crops.changes(draw, self._turn)
    flip = flip and self._joints.pairs is not None
    matrix = _crops.to_crop(people.boxes[index], self.image_size, zoom, angle, flip)
    pixels = _crops.crop(people.annotations.read(int(people.picture[index])), matrix, self.image_size)
    keypoints = people.keypoints(index)
    places = _crops.moved(keypoints[:, :2], matrix)
    inside = ((places >= 0) & (places < self.image_size[::-1])).all(1)
    joints = np.concatenate([places, (inside & (keypoints[:, 2] > 0))[:, None]], 1)
    joints = joints[self._joints.mirrored] if flip else joints
    return np.ascontiguousarray(pixels), joints.astype(np.float32)

  def loss(self, targets: Mapping[str, tf.Tensor], outputs: tf.Tensor, label_smoothing: float = 0.0) -> tf.Tensor:
    """Squared error of each example's heatmaps, [batch] float32, as `_heatmaps.squared_error` defines it.

    Args:
      targets: as `dataset` gives them.
      outputs: [batch, rows, columns, joints].
      label_smoothing: without meaning here.
    """
    del label_smoothing
    return _heatmaps.squared_error(targets['joints'], outputs, self.image_size)

  def metrics(self) -> KeypointMetrics:
    """A fresh accumulator, for the examples of one split."""
    return KeypointMetrics(self._joints, self.image_size, tuple(self._splits.values()))

  def batch_score(self, targets: Mapping[str, np.ndarray], outputs: np.ndarray) -> float:
    """PCK of one training batch; 0 where it shows no labelled joint."""
    answers = decode(outputs, self.image_size)
    labelled, hits = correct(np.asarray(targets['joints']), answers, self._joints, self.image_size)
    return float(hits.sum() / max(labelled.sum(), 1))

  def answers(self, infer: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    """Outputs for a batch of scored images; with `flip_test` the mean with those of the mirror images, mirrored back.

    Column i of n and column n - 1 - i of the mirror image are the same place, by the convention in `_crops`, and training has shown
    the network both. So nothing is shifted by a cell, as it has to be where cells lie at multiples of the stride (Huang et al., The
    Devil is in the Details, CVPR 2020, section 3).
    """
    outputs = np.asarray(infer(images))
    if not self._config.flip_test:
      return outputs
    mirrored = np.asarray(infer(np.ascontiguousarray(np.asarray(images)[:, :, ::-1])))
    return (outputs + mirrored[:, :, ::-1][..., self._joints.mirrored]) / 2

  def sample(self, image: np.ndarray, target: Mapping[str, np.ndarray], output: np.ndarray) -> Sample:
    """The image, the true and the found joints side by side, and how many of them agree as PCK asks."""
    truth, answer = np.asarray(target['joints']), decode(np.asarray(output)[None], self.image_size)[0]
    labelled, hits = correct(truth[None], answer[None], self._joints, self.image_size)
    caption = f'prediction, {hits.sum()} of {labelled.sum()} right' if labelled.any() else 'prediction'
    seen = {'truth': (truth, truth[:, 2] > 0), caption: (answer, answer[:, 2] >= SHOWN_CONFIDENCE)}
    pictures = ((name, np.where(there[:, None], places[:, :2], np.nan)) for name, (places, there) in seen.items())
    limbs, colours = self.semantics['skeleton'], _skeletons.colours(self._joints)
    return Sample(
      (('image', image), *((name, with_joints(image, places, limbs, colours)) for name, places in pictures)),
      legend=tuple(zip(self.labels, self.semantics['colours'])) if len(self.labels) <= _LONGEST_LEGEND else (),
    )


def _notes(annotations: Annotations) -> Iterator[str]:
  """What should be known of a source, and whom of it nothing is learned from, if there is anybody."""
  yield from annotations.notes
  said = ', '.join(f'{count:,} {reason}' for reason, count in annotations.left_out.items() if count)
  if said:
    yield f'{annotations.source}: left out are {said}'
