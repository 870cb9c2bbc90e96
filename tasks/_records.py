"""Pictures that tensorflow-datasets has prepared, read one by one from its files, for sets that no memory holds.

ArrayRecord files can be read at any place. TFRecord files, which are the usual ones, tell neither where a record begins nor its label:
they are gone through once, and what is found is kept beside them.
"""

import abc
from collections.abc import Iterator
from concurrent import futures
import pathlib
import struct
import threading

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from st_tf.files import read_npz, write_file
from st_tf.task import TaskError
from tasks._images import EncodedImages

_LENGTH, _CHECKSUM = struct.Struct('<Q'), 4  # A TFRecord: length, checksum of the length, data, checksum of the data.
_BUFFER_BYTES = 1 << 20
_THREADS = 8
_CHUNK = 1000  # Labels of ArrayRecord files that are read at a time.


class Records(abc.ABC):
  """The examples of one split, in the order of its files.

  Attributes:
    name: what messages call the split.
    labels: [n] int64.
  """

  name: str
  labels: np.ndarray

  def __len__(self) -> int:
    return len(self.labels)

  @abc.abstractmethod
  def read(self, index: int) -> bytes:
    """The encoded picture at `index`.

    Raises:
      TaskError: it cannot be read any more.
    """


def open_split(builder: tfds.core.DatasetBuilder, split: str, image_key: str, label_key: str) -> Records:
  """One split of a prepared set.

  Args:
    builder: of the set.
    split: one of its splits.
    image_key: feature that holds the picture.
    label_key: feature that holds its class.

  Raises:
    TaskError: files of another format than TFRecord and ArrayRecord, or damaged ones.
  """
  kinds = {tfds.core.FileFormat.TFRECORD: TfRecords, tfds.core.FileFormat.ARRAY_RECORD: ArrayRecords}
  kind = kinds.get(builder.info.file_format)
  if kind is None:
    rule = 'Sets that no memory holds are read from TFRecord or ArrayRecord files.'
    raise TaskError(f'{rule} Received: {builder.info.file_format.value} in {builder.data_dir}. Prepare the set as one of these.')
  return kind(builder, split, image_key, label_key)


class ArrayRecords(Records):
  """A split in ArrayRecord files, through tensorflow-datasets' own random access."""

  def __init__(self, builder: tfds.core.DatasetBuilder, split: str, image_key: str, label_key: str):
    """Reads all labels, unless an earlier run has kept them."""
    self.name, self._image_key = f'{builder.name}/{split}', image_key
    self._lock = threading.Lock()
    files = [pathlib.Path(path) for path in builder.info.splits[split].filepaths]
    try:
      self._source = builder.as_data_source(split=split, decoders={image_key: tfds.decode.SkipDecoding()})
    except Exception as error:  # The reader is written in C++ and raises what it likes.
      raise _unreadable(f'{self.name} in {files[0].parent} ({error})') from error

    def gather() -> dict[str, np.ndarray]:
      starts = range(0, len(self._source), _CHUNK)
      chunks = (self._source.__getitems__(list(range(start, min(start + _CHUNK, len(self._source))))) for start in starts)
      try:
        return {'labels': np.asarray([int(row[label_key]) for chunk in chunks for row in chunk])}
      except Exception as error:  # As above.
        raise _unreadable(f'{self.name} in {files[0].parent} ({error})') from error

    self.labels = _kept(files, self.name, gather)['labels'].astype(np.int64)

  def read(self, index: int) -> bytes:
    """The encoded picture at `index`; tensorflow-datasets' reader is used by one thread at a time."""
    try:
      with self._lock:
        return bytes(self._source[index][self._image_key])
    except Exception as error:  # As above.
      raise _unreadable(f'picture {index} of {self.name} ({error})') from error


class TfRecords(Records):
  """A split in TFRecord files, through an index of where its records are."""

  def __init__(self, builder: tfds.core.DatasetBuilder, split: str, image_key: str, label_key: str):
    """Goes through the files, unless an earlier run has kept what it found."""
    self.name, self._image_key = f'{builder.name}/{split}', image_key
    info = builder.info.splits[split]
    self._files = [pathlib.Path(path) for path in info.filepaths]

    def gather() -> dict[str, np.ndarray]:
      with futures.ThreadPoolExecutor(_THREADS) as pool:
        walks = list(pool.map(lambda file: np.asarray(list(_walk(file, label_key)), np.int64).reshape(-1, 3), self._files))
      starts, sizes, labels = np.concatenate(walks).T
      if len(labels) != info.num_examples:
        raise _unreadable(f'{len(labels)} records of {self.name}, not {info.num_examples}')
      shards = np.repeat(np.arange(len(walks)), [len(walk) for walk in walks])
      return {'shards': shards, 'starts': starts, 'sizes': sizes, 'labels': labels}

    index = _kept(self._files, self.name, gather)
    self._shards, self._starts, self._sizes, self.labels = (index[key] for key in ('shards', 'starts', 'sizes', 'labels'))

  def read(self, index: int) -> bytes:
    """The encoded picture at `index`."""
    file = self._files[self._shards[index]]
    try:
      with file.open('rb') as stream:
        stream.seek(self._starts[index])
        return _feature(stream.read(self._sizes[index]), self._image_key).bytes_list.value[0]
    except (OSError, IndexError, ValueError) as error:
      raise _unreadable(f'picture {index} of {self.name} in {file} ({error})') from error


class RecordImages(EncodedImages):
  """Pictures that are read when their batch is due."""

  def __init__(self, records: Records, size: int, keep: float, smallest_area: float, places: np.ndarray | None = None):
    """Reads nothing.

    Args:
      records: where the pictures are.
      size: side of the squares that come out, in pixels.
      keep: share of the shorter side that evaluation keeps.
      smallest_area: share of a picture that the smallest random crop shows.
      places: which of the records these are, in order; None = all.
    """
    super().__init__((), (), size, keep, smallest_area)
    self._records, self._places = records, np.arange(len(records)) if places is None else places

  def __len__(self) -> int:
    return len(self._places)

  def take(self, indices: np.ndarray) -> 'RecordImages':
    """Only those at `indices`, in that order."""
    return RecordImages(self._records, self._size, self._keep, self._smallest_area, self._places[indices])

  def _item(self, index: int) -> tuple[bytes, str]:
    place = int(self._places[index])
    return self._records.read(place), f'picture {place} of {self._records.name}'


def _walk(file: pathlib.Path, label_key: str) -> Iterator[tuple[int, int, int]]:
  """(start in bytes, size in bytes, label) of every record in a TFRecord file."""
  try:
    end = file.stat().st_size
    with file.open('rb', _BUFFER_BYTES) as stream:
      while head := stream.read(_LENGTH.size + _CHECKSUM):
        (size,) = _LENGTH.unpack(head[: _LENGTH.size])
        start = stream.tell()
        if size > end - start:
          raise ValueError('cut short, or damaged')
        data = stream.read(size)
        if len(data) != size or len(stream.read(_CHECKSUM)) != _CHECKSUM:
          raise ValueError('cut short')
        yield start, size, _feature(data, label_key).int64_list.value[0]
  except (OSError, IndexError, ValueError, struct.error) as error:
    raise _unreadable(f'{file} ({error})') from error


def _feature(record: bytes, key: str) -> tf.train.Feature:
  try:
    return tf.train.Example.FromString(record).features.feature[key]
  except Exception as error:  # protobuf's DecodeError is another class in each of its implementations.
    raise ValueError(error) from error


def _kept(files: list[pathlib.Path], name: str, gather) -> dict[str, np.ndarray]:
  """What `gather` finds, kept beside the files of a split, and only gathered again when their sizes have changed."""
  try:
    sizes = np.asarray([file.stat().st_size for file in files], np.int64)
  except OSError as error:
    raise _unreadable(f'{error.filename} ({error.strerror})') from error
  path = files[0].with_name(f'st_tf_{name.rsplit("/", 1)[-1]}.npz')
  try:
    kept = read_npz(path)
    if np.array_equal(kept['file_sizes'], sizes):
      return kept
  except (ValueError, KeyError):  # None is there yet, or one that was damaged: it is made anew.
    pass
  print(f'Looking through {name} once ({sizes.sum() / 1e9:.1f} GB), to find its pictures later: {path}', flush=True)
  gathered = gather() | {'file_sizes': sizes}
  try:
    write_file(path, lambda unfinished: np.savez(unfinished, **gathered))
  except OSError as error:
    print(f'note: {path} cannot be written ({error.strerror}), so that every run looks through the files again.', flush=True)
  return gathered


def _unreadable(what: str) -> TaskError:
  return TaskError(f'Prepared data can be read. Received: {what}. Prepare the set again.')
