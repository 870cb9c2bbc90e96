"""Classification sets of tensorflow-datasets, looked for on the disk first."""

from collections.abc import Iterator
import contextlib
import queue
import threading

from absl import logging
import numpy as np
from PIL import Image
import requests
import tensorflow as tf
import tensorflow_datasets as tfds

from st_tf.errors import did_you_mean
from st_tf.task import SPLITS, DataConfig, Task, TaskError
from tasks._classification import ClassificationTask
from tasks._images import ArrayImages, EncodedImages
from tasks._sizes import side
from tasks._splits import Examples
from tasks._statistics import PHOTOGRAPHS

_LARGEST_ARRAY_SIDE = 64  # Larger pictures stay encoded until their batch is due.
_DEFAULT_SIDE = 96
_MAX_BYTES = 8 * 2**30  # What a set may take in memory.
_STRIDE = 32  # The networks halve a picture up to five times.
_PROBE_SECONDS = 3
_MIRROR = 'https://storage.googleapis.com'  # Where tensorflow-datasets keeps prepared data and many originals.


def load(task_name: str, name: str, config: DataConfig) -> Task:
  """The classification set `name` as a task, downloaded only if it is not there.

  Args:
    task_name: as given to `--task`.
    name: as tensorflow-datasets writes it.
    config: `data_dir` is tensorflow-datasets' folder, not the set's.

  Raises:
    TaskError: no such set, none of classification, too large for the memory, or neither data nor network.
  """
  with quiet():
    builder = builder_of(name, config)
    image_key, label_key = _keys(builder, name)
    _prepare(builder, name, config)
    shape = builder.info.features[image_key].shape
    in_memory = shape[0] is not None and shape[0] == shape[1] <= _LARGEST_ARRAY_SIDE
    size = side(config, -(-shape[0] // _STRIDE) * _STRIDE if in_memory else _DEFAULT_SIDE)
    _check_memory(builder, name, size, in_memory)
    read = _read_arrays if in_memory else _read_encoded
    try:
      splits = {split: read(builder, split, image_key, label_key, size) for split in SPLITS if split in builder.info.splits}
    except tf.errors.OpError as error:
      rule = f'Prepared data can be read. Received: {_first_line(error)} in {builder.data_dir}.'
      raise TaskError(f'{rule} Delete that folder and prepare it again.') from error
  # Sets that keep their labels secret mark them with -1.
  splits = {split: examples for split, examples in splits.items() if split == 'train' or not (examples.labels == -1).all()}
  labels = builder.info.features[label_key].names
  if in_memory:
    return ClassificationTask(task_name, labels, splits, config, size=size, default_supernet='cifar')
  return ClassificationTask(task_name, labels, splits, config, size=size, default_supernet='mobile', statistics=PHOTOGRAPHS)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
  """Within it tensorflow-datasets reports errors alone."""
  verbosity = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)
  tfds.disable_progress_bar()
  try:
    yield
  finally:
    logging.set_verbosity(verbosity)


def builder_of(name: str, config: DataConfig) -> tfds.core.DatasetBuilder:
  """The builder of the set `name`, as tensorflow-datasets writes it.

  Raises:
    TaskError: no such set.
  """
  try:
    return tfds.builder(name, data_dir=config.data_dir or None)
  except tfds.core.DatasetNotFoundError as error:
    hint = did_you_mean(name, tfds.list_builders(with_community_datasets=False))
    hint = hint or ' Their names: https://www.tensorflow.org/datasets/catalog'
    raise TaskError(f'--task=tfds:NAME names a set of tensorflow-datasets. Received: {name!r}.{hint}') from error
  except (ValueError, AssertionError, ImportError) as error:  # A malformed name, an unknown version or configuration.
    raise TaskError(f'--task=tfds:NAME names a set of tensorflow-datasets. Received: {name!r} ({_first_line(error)}).') from error


def _keys(builder: tfds.core.DatasetBuilder, name: str) -> tuple[str, str]:
  """Names of the features that hold the picture and its class: those the set declares, or the only ones there are."""
  features = builder.info.features
  declared = builder.info.supervised_keys or ()
  candidates = [key for key in declared if isinstance(key, str)] or list(features)
  images = [key for key in candidates if isinstance(features[key], tfds.features.Image) and features[key].dtype == np.uint8]
  labels = [key for key in candidates if isinstance(features[key], tfds.features.ClassLabel)]
  if len(images) != 1 or len(labels) != 1:
    raise TaskError(f'--task=tfds:NAME takes a set of 8-bit images with one class each. Received: {name!r} with {features}.')
  return images[0], labels[0]


def _prepare(builder: tfds.core.DatasetBuilder, name: str, config: DataConfig) -> None:
  if not builder.is_prepared():
    ways_out = (
      'Ways out: --data_dir=FOLDER that holds the prepared data; or, on a machine with a network,'
      f' python -c "import tensorflow_datasets as tfds; tfds.load({name!r}, data_dir=\'FOLDER\')" and copy FOLDER here.'
    )
    if not _reachable(builder.info.homepage, _MIRROR):
      raise TaskError(f'The data is on the disk or can be downloaded. Received: nothing at {builder.data_dir} and no network. {ways_out}')
    print(f'Downloading {name} ({builder.info.download_size}) with tensorflow-datasets to {builder.data_dir}', flush=True)
    try:
      builder.download_and_prepare()
    except Exception as error:  # Each set's own code runs here, so any kind of error can come.
      raise TaskError(f'The data can be downloaded. Received: {_first_line(error)} for {name}. {ways_out}') from error
  if 'train' not in builder.info.splits:
    raise TaskError(f'A set has a train split. Received: {sorted(builder.info.splits)} in {name}.')


def _reachable(*urls: str) -> bool:
  """Whether any of the hosts answers; asked first because tensorflow-datasets itself retries for more than a minute."""
  answers = queue.SimpleQueue()

  def ask(url: str):
    try:
      requests.head(url, timeout=_PROBE_SECONDS)
      answers.put(True)
    except requests.RequestException:
      answers.put(False)

  urls = list(filter(None, urls))
  for url in urls:
    # In the background, because looking up a name has no time limit of its own.
    threading.Thread(target=ask, args=(url,), daemon=True).start()
  try:
    return any(answers.get(timeout=_PROBE_SECONDS) for _ in urls)
  except queue.Empty:
    return False


def _check_memory(builder: tfds.core.DatasetBuilder, name: str, size: int, in_memory: bool) -> None:
  splits = [split for key, split in builder.info.splits.items() if key in SPLITS]
  needed = sum(split.num_examples * size * size * 3 if in_memory else split.num_bytes for split in splits)
  if needed > _MAX_BYTES:
    raise TaskError(
      f'A set takes at most {_MAX_BYTES >> 30} GiB of memory. Received: {needed / 2**30:.1f} GiB for {name} at {size} pixels.'
      ' Use a smaller --image_size, or write the images to files and use --task=folder:PATH.'
    )


def _read_arrays(builder: tfds.core.DatasetBuilder, split: str, image_key: str, label_key: str, size: int) -> Examples:
  decoders = tfds.decode.PartialDecoding({image_key: True, label_key: True})
  batches = list(tfds.as_numpy(builder.as_dataset(split=split, batch_size=1000, decoders=decoders)))
  pixels = np.concatenate([batch[image_key] for batch in batches])
  if pixels.shape[-1] == 1:
    pixels = np.repeat(pixels, 3, -1)
  if pixels.shape[1] != size:
    pixels = np.stack([np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)) for image in pixels])
  return Examples(ArrayImages(pixels, f'{builder.name}/{split}'), np.concatenate([batch[label_key] for batch in batches]))


def _read_encoded(builder: tfds.core.DatasetBuilder, split: str, image_key: str, label_key: str, size: int) -> Examples:
  decoders = tfds.decode.PartialDecoding({image_key: True, label_key: True}, decoders={image_key: tfds.decode.SkipDecoding()})
  rows = list(tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders)))
  names = [f'image {index} of {builder.name}/{split}' for index in range(len(rows))]
  return Examples(EncodedImages([row[image_key] for row in rows], names, size), np.asarray([row[label_key] for row in rows]))


def _first_line(error: Exception) -> str:
  return (str(error).splitlines() or [type(error).__name__])[0]
