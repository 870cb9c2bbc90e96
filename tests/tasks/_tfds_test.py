import io
import socket
import time

import numpy as np
from PIL import Image
import pytest
import requests
import tensorflow_datasets as tfds

from st_tf.task import SPLITS, DataConfig, TaskError
from st_tf.task.pictures import center_crop, open_rgb
from tasks import _tfds

LABELS = ['ant', 'bee']


def rows(count, shape, seed=0, label=None):
  rng = np.random.default_rng(seed)
  pictures = rng.integers(0, 256, (count, *shape)).astype(np.uint8)
  return [{'image': picture, 'label': index % 2 if label is None else label} for index, picture in enumerate(pictures)]


def store(folder, name, shape, splits, extra=None):
  """Prepares a set on the disk, as tensorflow-datasets itself would."""
  features = {'image': tfds.features.Image(shape=shape), 'label': tfds.features.ClassLabel(names=LABELS), **(extra or {})}
  tfds.dataset_builders.store_as_tfds_dataset(
    name=name,
    version='1.0.0',
    features=tfds.features.FeaturesDict(features),
    split_datasets={split: list(enumerate(examples)) for split, examples in splits.items()},
    data_dir=folder,
    disable_shuffling=True,
  )


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp('tfds')
  store(folder, 'small_colour', (32, 32, 3), {'train': rows(40, (32, 32, 3)), 'test': rows(6, (32, 32, 3), 1)})
  store(folder, 'small_grey', (28, 28, 1), {'train': rows(40, (28, 28, 1)), 'validation': rows(6, (28, 28, 1), 1)})
  store(folder, 'any_size', (None, None, 3), {'train': rows(20, (50, 70, 3)), 'validation': rows(4, (30, 90, 3), 1)})
  store(folder, 'secret', (32, 32, 3), {'train': rows(40, (32, 32, 3)), 'test': rows(6, (32, 32, 3), 1, label=-1)})
  store(folder, 'no_train', (32, 32, 3), {'test': rows(6, (32, 32, 3))})
  shape = (32, 32, 3)
  parts = {'training': rows(40, shape), 'valid': rows(6, shape, 1), 'extra': rows(7, shape), 'test': rows(5, shape, 2, label=-1)}
  store(folder, 'odd_splits', shape, parts)
  store(folder, 'train_alone', (None, None, 3), {'train': rows(20, (50, 70, 3))})
  store(folder, 'transparent', (16, 16, 4), {'train': rows(20, (16, 16, 4))})
  second = {'other': tfds.features.ClassLabel(names=LABELS)}
  store(folder, 'two_labels', (32, 32, 3), {'train': [{**row, 'other': 0} for row in rows(4, (32, 32, 3))]}, second)
  return folder


@pytest.fixture
def no_network(monkeypatch):
  """Every attempt to leave this machine fails at once, and downloads are not even tried."""

  def refuse(*_, **__):
    raise socket.gaierror('no network in this test')

  monkeypatch.setattr(socket, 'getaddrinfo', refuse)
  for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'):
    monkeypatch.delenv(name, raising=False)


def load(folder, name, **settings):
  return _tfds.load(f'tfds:{name}', name, DataConfig(data_dir=str(folder), **settings))


def test_small_pictures_come_out_as_they_went_in(folder):
  task = load(folder, 'small_colour')
  assert (task.name, task.labels, task.image_size, task.default_supernet) == ('tfds:small_colour', tuple(LABELS), (32, 32), 'cifar')
  assert task.sizes == {'train': 36, 'validation': 4, 'test': 6}
  ((images, targets),) = task.dataset('test', 8)
  pictures = np.stack([row['image'] for row in rows(6, (32, 32, 3), 1)])
  np.testing.assert_allclose((images * task.deviation + task.mean) * 255, pictures, atol=0.01)
  assert targets.numpy().argmax(1).tolist() == [0, 1] * 3


def test_two_loads_are_the_same_data(folder):
  batches = [list(load(folder, 'small_colour').dataset('train', 8, training=True, seed=7, epoch=2)) for _ in range(2)]
  for (images, targets), (other_images, other_targets) in zip(*batches):
    np.testing.assert_array_equal(images, other_images)
    np.testing.assert_array_equal(targets, other_targets)


def test_grey_pictures_become_colour_ones_of_a_side_that_halves_well(folder):
  task = load(folder, 'small_grey')
  assert task.image_size == (32, 32)
  assert task.sizes == {'train': 36, 'validation': 4, 'test': 6}  # The official validation is the test.
  ((images, _),) = task.dataset('test', 8)
  pictures = images.numpy() * task.deviation + task.mean
  np.testing.assert_allclose(pictures[..., 0], pictures[..., 2], atol=1e-5)


def test_pictures_of_any_size_stay_encoded_and_become_squares(folder):
  task = load(folder, 'any_size')
  assert (task.image_size, task.default_supernet) == ((96, 96), 'mobile')
  assert load(folder, 'any_size', image_size=40).image_size == (40, 40)
  for split, training in ((split, training) for split in SPLITS for training in (False, True)):
    images, _ = next(iter(task.dataset(split, 2, training=training)))
    assert images.shape == (2, 96, 96, 3)


def test_a_test_split_without_labels_is_none(folder):
  task = load(folder, 'secret')
  assert task.sizes == {'train': 32, 'validation': 4, 'test': 4}
  assert task.notes == (
    'tfds:secret: not used: the split test (6 without labels)',
    'tfds:secret: drawn from train by data_seed, a tenth each: validation and test',
  )


def test_every_split_of_a_set_is_used_or_named(folder):
  task = load(folder, 'odd_splits')
  assert task.sizes == {'train': 36, 'validation': 4, 'test': 6}
  assert task.notes == (
    'tfds:odd_splits: training is taken for the train split',
    'tfds:odd_splits: valid is taken for the validation split',
    'tfds:odd_splits: not used: the splits extra (7), test (5 without labels)',
    'tfds:odd_splits: there is no test split, so the validation split is the test',
    'tfds:odd_splits: drawn from train by data_seed, a tenth each: validation',
  )
  ((images, _),) = task.dataset('test', 8)
  pictures = np.stack([row['image'] for row in rows(6, (32, 32, 3), 1)])
  np.testing.assert_allclose((images * task.deviation + task.mean) * 255, pictures, atol=0.01)


def test_a_test_that_is_drawn_from_train_is_said_to_be(folder):
  task = load(folder, 'train_alone')
  assert dict(task.origins) == dict.fromkeys(('validation', 'test'), 'a tenth of train drawn by data_seed')
  assert task.notes == ('tfds:train_alone: drawn from train by data_seed, a tenth each: validation and test',)
  assert load(folder, 'small_colour').origins == {'validation': 'a tenth of train drawn by data_seed'}


def test_an_empty_split_is_named_and_not_used(folder, monkeypatch):
  builder = _tfds.builder_of('odd_splits', DataConfig(data_dir=str(folder)))
  monkeypatch.setattr(type(builder.info.splits['valid']), 'num_examples', property(lambda split: 0 if split.name == 'valid' else 5))
  assert _tfds._parts(builder) == {'test': 'test', 'train': 'training'}


def test_transparent_pictures_are_over_white(folder):
  task = load(folder, 'transparent', image_size=16)
  ((images, _),) = task.dataset('test', 2)
  found = np.rint((images * task.deviation + task.mean) * 255).astype(int)
  pixels = np.stack([row['image'] for row in rows(20, (16, 16, 4))]).astype(int)
  white = (2 * (pixels[..., :3] * pixels[..., 3:] + 255 * (255 - pixels[..., 3:])) + 255) // 510
  assert all((picture == white).all((1, 2, 3)).any() for picture in found)


@pytest.mark.parametrize(
  ('name', 'message'),
  [
    ('cifar_100', r"names a set of tensorflow-datasets\. Received: 'cifar_100'\. Did you mean cifar100\?"),
    ('qqqq', r"Received: 'qqqq'\. Their names: https"),
    ('cifar100:99.9.9', r"names a set of tensorflow-datasets\. Received: 'cifar100:99\.9\.9'"),
    ('imdb_reviews', r"8-bit images with one class each\. Received: 'imdb_reviews'"),
    (
      'two_labels',
      r"8-bit images with one class each\. Received: 'two_labels' with .* Write its pictures to files",
    ),
    ('no_train', r'A set has a train split\. Received: test in no_train\. Write its pictures to files'),
  ],
)
def test_a_set_that_cannot_be_used_is_refused(folder, no_network, name, message):
  with pytest.raises(TaskError, match=message):
    load(folder, name)


def test_without_data_and_network_it_fails_within_seconds_and_names_both_ways_out(tmp_path, no_network):
  began = time.monotonic()
  with pytest.raises(TaskError) as error:
    load(tmp_path, 'cifar100')
  assert time.monotonic() - began < 8
  message = str(error.value)
  assert f'nothing at {tmp_path}/cifar100/' in message and 'no network' in message
  assert '--data_dir=FOLDER' in message
  assert "tfds.load('cifar100', data_dir='FOLDER')" in message


def test_a_name_server_that_never_answers_is_no_network(monkeypatch):
  monkeypatch.setattr(_tfds, '_PROBE_SECONDS', 0.1)
  monkeypatch.setattr(requests, 'head', lambda *_, **__: time.sleep(2))
  began = time.monotonic()
  assert not _tfds._reachable('https://a.example', '', 'https://b.example')
  assert time.monotonic() - began < 1


def test_with_a_network_it_says_what_is_downloaded_and_where_to(tmp_path, monkeypatch, capsys):
  def fail(self):
    raise ConnectionResetError('the line broke\nsecond line')

  monkeypatch.setattr(requests, 'head', lambda *_, **__: requests.Response())
  monkeypatch.setattr(tfds.core.DatasetBuilder, 'download_and_prepare', fail)
  with pytest.raises(TaskError, match=r'Received: the line broke for cifar100\. Ways out: --data_dir'):
    load(tmp_path, 'cifar100')
  assert capsys.readouterr().out == f'Downloading cifar100 (Unknown size) with tensorflow-datasets to {tmp_path}/cifar100/3.0.2\n'


def test_broken_prepared_data_is_named(tmp_path):
  store(tmp_path, 'broken', (32, 32, 3), {'train': rows(40, (32, 32, 3))})
  (file,) = tmp_path.rglob('*.tfrecord-*')
  file.write_bytes(file.read_bytes()[:-500])
  with pytest.raises(TaskError, match=rf'Prepared data can be read\. Received: .* in {tmp_path}/broken/1\.0\.0\. Delete that folder'):
    load(tmp_path, 'broken')


def encoded(count, side, bad=None, at=3):
  """Rows of PNGs, one of them replaced by other bytes."""
  found = []
  for index, row in enumerate(rows(count, (side, side, 3))):
    stream = io.BytesIO()
    Image.fromarray(row['image']).save(stream, 'PNG')
    content = stream.getvalue() if bad is None or index != at else bad(stream.getvalue())
    found.append({'image': io.BytesIO(content), 'label': index % 2})
  return found


def png_of(side):
  stream = io.BytesIO()
  Image.new('RGB', (side, 32)).save(stream, 'PNG')
  return stream.getvalue()


@pytest.mark.parametrize(
  ('shape', 'split', 'bad', 'message'),
  [
    ((None, None, 3), 'train', lambda png: b'none', r'can be decoded\. Received: image 3 of broken/train \(cannot identify image file\)'),
    ((None, None, 3), 'test', lambda png: png[: len(png) // 2], r'Received: image 3 of broken/test \(image file is truncated\)'),
    ((None, None, 3), 'test', lambda png: b'', r'Received: image 3 of broken/test \(cannot identify image file\)'),
    ((32, 32, 3), 'train', lambda png: b'none', r'size that its set says\. Received: image 3 of broken/train \(Unknown image file format'),
    ((32, 32, 3), 'test', lambda png: png[: len(png) // 2], r'Received: image 3 of broken/test \(Invalid PNG data, size \d+\)'),
    ((32, 32, 3), 'train', lambda png: png_of(40), r'image 3 of broken/train \(.*\(32, 40, 3\) is not compatible'),
    ((32, 32, 3), 'test', lambda png: png_of(20), r'image 3 of broken/test \(.*\(32, 20, 3\) is not compatible'),
  ],
)
def test_a_picture_of_a_set_that_cannot_be_used_is_named_before_training(tmp_path, shape, split, bad, message):
  splits = {part: encoded(count, 32, bad if part == split else None) for part, count in (('train', 20), ('test', 6))}
  store(tmp_path, 'broken', shape, splits)
  with pytest.raises(TaskError, match=rf'{message}.*in the prepared set at {tmp_path}/broken/1\.0\.0: prepare that again'):
    load(tmp_path, 'broken')


@pytest.mark.parametrize('shape', [(None, None, 3), (32, 32, 3)])
def test_a_label_that_is_none_is_named_with_its_place(tmp_path, shape):
  examples = rows(20, (32, 32, 3))
  examples[4]['label'] = -1
  store(tmp_path, 'labels', shape, {'train': examples})
  with pytest.raises(TaskError, match=r'Labels lie in \[0, 2\)\. Received: -1 at index 4 of the train split of tfds:labels'):
    load(tmp_path, 'labels')


def test_a_set_that_does_not_fit_the_memory_is_refused(folder, monkeypatch):
  monkeypatch.setattr(_tfds, '_MAX_BYTES', 1000)
  for name in ('small_colour', 'any_size'):
    with pytest.raises(TaskError, match=rf'GiB of memory\. Received: .* for {name} at .* --task=folder:PATH'):
      load(folder, name)


def test_a_picture_is_read_back_as_the_pipeline_reads_it(folder, tmp_path):
  task = load(folder, 'any_size')
  stream = io.BytesIO()
  Image.fromarray(rows(4, (30, 90, 3), 1)[2]['image']).save(stream, 'PNG')
  (tmp_path / 'x.png').write_bytes(stream.getvalue())
  ((images, _),) = task.dataset('test', 8)
  picture = center_crop(open_rgb(tmp_path / 'x.png', 'x'), task.image_size, task.keep)
  np.testing.assert_allclose(task.normalisation.normalised(picture), images[2], atol=1e-5)
