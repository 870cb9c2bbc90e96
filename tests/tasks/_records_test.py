"""Reading prepared sets picture by picture, from both kinds of files that tensorflow-datasets writes."""

import io

import numpy as np
from PIL import Image
import pytest
import tensorflow_datasets as tfds

from st_tf import files
from st_tf.task import TaskError
from tasks import _records

SIZES = {'train': 12, 'validation': 3}
KINDS = ['tfrecord', 'array_record']


def picture(index: int) -> bytes:
  """A JPEG of one colour, a level of its own."""
  stream = io.BytesIO()
  Image.new('RGB', (30, 20), (20 * index,) * 3).save(stream, 'JPEG')
  return stream.getvalue()


def prepared(folder, kind: str) -> tfds.core.DatasetBuilder:
  """A small set on the disk, as tensorflow-datasets itself writes it."""
  features = tfds.features.FeaturesDict(
    {
      'file_name': tfds.features.Text(),
      'image': tfds.features.Image(encoding_format='jpeg'),
      'label': tfds.features.ClassLabel(names=['ant', 'bee', 'cow']),
    }
  )
  splits = {
    split: [
      (index, {'file_name': f'{split}{index}.JPEG', 'image': io.BytesIO(picture(index)), 'label': index % 3}) for index in range(count)
    ]
    for split, count in SIZES.items()
  }
  return tfds.dataset_builders.store_as_tfds_dataset(
    name='little', version='1.0.0', features=features, split_datasets=splits, data_dir=folder, file_format=kind, disable_shuffling=True
  )


def opened(folder, split: str = 'train') -> _records.Records:
  return _records.open_split(tfds.builder('little', data_dir=folder), split, 'image', 'label')


@pytest.fixture(scope='module', params=KINDS)
def folder(request, tmp_path_factory):
  folder = tmp_path_factory.mktemp(request.param)
  prepared(folder, request.param)
  return folder


@pytest.mark.parametrize('split', SIZES)
def test_every_picture_and_label_is_what_was_written(folder, split):
  records = opened(folder, split)
  assert records.labels.tolist() == [index % 3 for index in range(SIZES[split])] and len(records) == SIZES[split]
  for index in reversed(range(SIZES[split])):
    assert records.read(index) == picture(index)


def test_the_files_are_gone_through_once(folder, monkeypatch, capsys):
  opened(folder)
  capsys.readouterr()
  monkeypatch.setattr(_records, '_walk', None)
  monkeypatch.setattr(_records, '_CHUNK', None)
  assert opened(folder).labels.tolist() == [0, 1, 2] * 4
  assert capsys.readouterr().out == ''


def test_an_index_of_other_files_is_made_anew_and_so_is_a_broken_one(folder, capsys):
  labels = opened(folder).labels.tolist()
  (kept,) = folder.rglob('st_tf_train.npz')
  with np.load(kept) as arrays:
    stale = dict(arrays) | {'file_sizes': arrays['file_sizes'] + 1, 'labels': arrays['labels'] * 0}
  np.savez(kept, **stale)
  capsys.readouterr()
  assert opened(folder).labels.tolist() == labels
  assert 'Looking through little/train once (0.0 GB), to find its pictures later' in capsys.readouterr().out
  kept.write_bytes(kept.read_bytes()[:100])
  assert opened(folder).labels.tolist() == labels


def test_a_folder_that_cannot_be_written_is_read_all_the_same(folder, monkeypatch, capsys):
  for file in folder.rglob('st_tf_*.npz'):
    file.unlink()

  def refuse(*_):
    raise PermissionError(13, 'Permission denied')

  monkeypatch.setattr(files.os, 'replace', refuse)
  assert opened(folder).read(3) == picture(3)
  assert 'cannot be written (Permission denied)' in capsys.readouterr().out
  assert not list(folder.rglob('*st_tf_*'))


def test_images_are_decoded_when_due_and_keep_their_places(folder):
  images = _records.RecordImages(opened(folder), 16, 0.875, 0.08).take(np.asarray([5, 2, 9])).take(np.asarray([2, 0]))
  assert len(images) == 2
  ((indices, pixels),) = images.batches(np.arange(2), 8, None)
  assert indices.numpy().tolist() == [0, 1] and pixels.shape == (2, 16, 16, 3)
  assert pixels.numpy().mean((1, 2, 3)) == pytest.approx([180, 100], abs=1)


def test_a_picture_that_cannot_be_decoded_is_named_by_its_place(folder, monkeypatch):
  monkeypatch.setattr(_records.TfRecords, 'read', lambda self, index: b'no picture')
  monkeypatch.setattr(_records.ArrayRecords, 'read', lambda self, index: b'no picture')
  images = _records.RecordImages(opened(folder), 16, 0.875, 0.08).take(np.asarray([7]))
  with pytest.raises(TaskError, match=r'An image can be decoded\. Received: picture 7 of little/train'):
    images._read(0, None)


def test_a_file_that_was_cut_short_is_named(tmp_path):
  prepared(tmp_path, 'tfrecord')
  (file,) = tmp_path.rglob('*train.tfrecord-*')
  file.write_bytes(file.read_bytes()[:-5])
  with pytest.raises(TaskError, match=rf'Prepared data can be read\. Received: {file} \(cut short, or damaged\)\. Prepare the set again'):
    opened(tmp_path)


@pytest.mark.parametrize('size', [2**63 + 1, 2**45])
def test_a_length_that_no_record_has_is_not_read(tmp_path, size):
  prepared(tmp_path, 'tfrecord')
  (file,) = tmp_path.rglob('*train.tfrecord-*')
  file.write_bytes(size.to_bytes(8, 'little') + file.read_bytes()[8:])
  with pytest.raises(TaskError, match=rf'Received: {file} \(cut short, or damaged\)'):
    opened(tmp_path)


def test_a_record_that_is_gone_is_missed(tmp_path):
  prepared(tmp_path, 'tfrecord')
  (file,) = tmp_path.rglob('*train.tfrecord-*')
  content = file.read_bytes()
  first = 8 + 4 + int.from_bytes(content[:8], 'little') + 4
  file.write_bytes(content[first:])
  with pytest.raises(TaskError, match=r'Received: 11 records of little/train, not 12'):
    opened(tmp_path)


def test_a_file_that_goes_while_it_is_in_use_is_named(tmp_path):
  prepared(tmp_path, 'tfrecord')
  records = opened(tmp_path)
  (file,) = tmp_path.rglob('*train.tfrecord-*')
  file.unlink()
  with pytest.raises(TaskError, match=rf'Received: picture 4 of little/train in {file}'):
    records.read(4)


def test_a_broken_arrayrecord_file_is_named(tmp_path):
  prepared(tmp_path, 'array_record')
  (file,) = tmp_path.rglob('*train.array_record-*')
  file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
  with pytest.raises(TaskError, match=rf'Prepared data can be read\. Received: little/train in {tmp_path}/little'):
    opened(tmp_path)


def test_files_of_another_format_are_refused(tmp_path):
  prepared(tmp_path, 'parquet')
  with pytest.raises(TaskError, match=r'read from TFRecord or ArrayRecord files\. Received: parquet in .*little'):
    opened(tmp_path)
