"""Classification sets of tensorflow-datasets, looked for on the disk first."""

from collections.abc import Iterator, Mapping
import contextlib
import functools
import queue
import re
import threading

from absl import logging
import numpy as np
from PIL import Image
import requests
import tensorflow as tf
import tensorflow_datasets as tfds

from st_tf.errors import did_you_mean
from st_tf.task import SPLITS, DataConfig, Task, TaskError
from st_tf.task.pictures import as_rgb
from tasks import _picture_folders
from tasks._classification import ClassificationTask
from tasks._images import ArrayImages, EncodedImages
from tasks._sizes import side
from tasks._splits import Examples, split_of
from tasks._statistics import PHOTOGRAPHS

_LARGEST_ARRAY_SIDE = 64  # Larger pictures stay encoded until their batch is due.
_DEFAULT_SIDE = 96
_MAX_BYTES = 8 * 2**30  # What a set may take in memory.
_STRIDE = 32  # The networks halve a picture up to five times.
_PROBE_SECONDS = 3
_AGAIN = 'It is in the prepared set at {}: prepare that again, or write its pictures to files and use --task=folder:PATH.'
_OTHERWISE = 'Write its pictures to files and use --task=folder:PATH, or give them to st_tf.Task.from_datasets in Python.'
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
    parts = _parts(builder)
    if 'train' not in parts:
      raise TaskError(f'A set has a train split. Received: {", ".join(sorted(builder.info.splits))} in {name}. {_OTHERWISE}')
    _check_memory(builder, name, size, in_memory)
    read = _read_arrays if in_memory else _read_encoded
    try:
      found = {split: read(builder, part, image_key, label_key, size) for split, part in parts.items()}
    except tf.errors.OpError as error:
      rule = f'Prepared data can be read. Received: {_first_line(error)} in {builder.data_dir}.'
      raise TaskError(f'{rule} Delete that folder and prepare it again.') from error
  # Sets that keep their labels secret mark them with -1.
  splits = {split: examples for split, examples in found.items() if split == 'train' or not (examples.labels == -1).all()}
  notes = _notes(task_name, builder, {split: part for split, part in parts.items() if split in splits}, parts)
  labels = builder.info.features[label_key].names
  task = functools.partial(ClassificationTask, task_name, labels, splits, config, size=size, notes=tuple(notes))
  return task(default_supernet='cifar') if in_memory else task(default_supernet='mobile', statistics=PHOTOGRAPHS)


def _parts(builder: tfds.core.DatasetBuilder) -> dict[str, str]:
  """{split: what the set calls it} of those that have examples; where two would be one split, the one of that name, or the first."""
  parts: dict[str, str] = {}
  for part in sorted(builder.info.splits, key=lambda part: part not in SPLITS):
    split = split_of(part)
    if split and builder.info.splits[part].num_examples:
      parts.setdefault(split, part)
  return parts


def _notes(name: str, builder: tfds.core.DatasetBuilder, used: Mapping[str, str], read: Mapping[str, str]) -> Iterator[str]:
  """What becomes of the set's splits, where that is not what their names say."""
  for split, part in used.items():
    if part != split:
      yield f'{name}: {part} is taken for the {split} split'
  unused = [part for part in builder.info.splits if part not in used.values()]
  if unused:
    counts = (f'{part} ({builder.info.splits[part].num_examples:,}{" without labels" if part in read.values() else ""})' for part in unused)
    yield f'{name}: not used: the split{"s" if len(unused) > 1 else ""} {", ".join(counts)}'


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
    rule, there = '--task=tfds:NAME takes a set of 8-bit images with one class each.', re.sub(r'\s+', ' ', str(features))
    raise TaskError(f'{rule} Received: {name!r} with {there:.300}. {_OTHERWISE}')
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
  splits = [builder.info.splits[part] for part in _parts(builder).values()]
  needed = sum(split.num_examples * size * size * 3 if in_memory else split.num_bytes for split in splits)
  if needed > _MAX_BYTES:
    raise TaskError(
      f'A set takes at most {_MAX_BYTES >> 30} GiB of memory. Received: {needed / 2**30:.1f} GiB for {name} at {size} pixels.'
      ' Use a smaller --image_size, or write the images to files and use --task=folder:PATH.'
    )


def _read_arrays(builder: tfds.core.DatasetBuilder, split: str, image_key: str, label_key: str, size: int) -> Examples:
  decoders = tfds.decode.PartialDecoding({image_key: True, label_key: True})
  source = f'{builder.name}/{split}'
  try:
    # Batches of tensorflow-datasets' own would fill what is too small with black.
    batches = list(tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders).batch(1000)))
  except tf.errors.OpError:
    _name_bad(builder, split, image_key, source)
    raise
  pixels = np.concatenate([batch[image_key] for batch in batches])
  if pixels.shape[-1] == 1:
    pixels = np.repeat(pixels, 3, -1)
  elif pixels.shape[-1] != 3:
    pixels = np.stack([np.asarray(as_rgb(Image.fromarray(image), f'image {index} of {source}')) for index, image in enumerate(pixels)])
  if pixels.shape[1] != size:
    pixels = np.stack([np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)) for image in pixels])
  return Examples(ArrayImages(pixels, source), np.concatenate([batch[label_key] for batch in batches]))


def _read_encoded(builder: tfds.core.DatasetBuilder, split: str, image_key: str, label_key: str, size: int) -> Examples:
  decoders = tfds.decode.PartialDecoding({image_key: True, label_key: True}, decoders={image_key: tfds.decode.SkipDecoding()})
  rows = list(tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders)))
  items, names = [row[image_key] for row in rows], [f'image {index} of {builder.name}/{split}' for index in range(len(rows))]
  try:
    _picture_folders.decode(items, names)
  except TaskError as error:
    raise TaskError(f'{error} {_AGAIN.format(builder.data_dir)}') from error
  return Examples(EncodedImages(items, names, size), np.asarray([row[label_key] for row in rows]))


def _name_bad(builder: tfds.core.DatasetBuilder, split: str, image_key: str, source: str) -> None:
  """Looks for what a set of one size has that cannot be decoded to it.

  Raises:
    TaskError: naming the first.
  """
  decoders = tfds.decode.PartialDecoding({image_key: True}, decoders={image_key: tfds.decode.SkipDecoding()})
  feature = builder.info.features[image_key]
  for index, row in enumerate(tfds.as_numpy(builder.as_dataset(split=split, decoders=decoders))):
    name = f'image {index} of {source}'
    try:
      tf.ensure_shape(feature.decode_example(row[image_key]), feature.shape)
    except (tf.errors.OpError, ValueError) as error:
      rule = 'An image can be decoded, to the size that its set says.'
      raise TaskError(f'{rule} Received: {name} ({_first_line(error)}). {_AGAIN.format(builder.data_dir)}') from error


def _first_line(error: Exception) -> str:
  return (re.sub(r'\{\{.*?\}\} | \[Op:\w+\].*', '', str(error)).splitlines() or [type(error).__name__])[0]
