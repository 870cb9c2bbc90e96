"""ImageNet's task on small sets of its form: imagenet2012's features and names, or folders of JPEGs."""

import io

import numpy as np
from PIL import Image
import pytest
import tensorflow_datasets as tfds

from st_tf.task import SPLITS, DataConfig, TaskError, load
from st_tf.task.pictures import center_crop, open_rgb
from st_tf.task.scoring import readable
from tasks import _augment, imagenet
from tasks._images import EncodedImages

CLASSES, PER_CLASS, SCORED = 40, 5, 60
FIRST = ['n01440764', 'n01443537', 'n01484850']


def jpeg(seed: int, width: int = 50, height: int = 40) -> bytes:
  stream = io.BytesIO()
  pixels = np.random.default_rng(seed).integers(0, 256, (height // 10, width // 10, 3)).astype(np.uint8)
  Image.fromarray(pixels).resize((width, height)).save(stream, 'JPEG')
  return stream.getvalue()


def rows(split: str, count: int) -> list:
  return [(i, {'file_name': f'{split}_{i}.JPEG', 'image': io.BytesIO(jpeg(i)), 'label': i % CLASSES}) for i in range(count)]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
  """imagenet2012 as tensorflow-datasets prepares it, with its own features, but of 200 and 60 pictures."""
  folder = tmp_path_factory.mktemp('tfds')
  builder = tfds.builder('imagenet2012', data_dir=folder)
  tfds.dataset_builders.store_as_tfds_dataset(
    name='imagenet2012',
    version=str(builder.version),
    features=builder.info.features,
    split_datasets={'train': rows('train', CLASSES * PER_CLASS), 'validation': rows('val', SCORED)},
    data_dir=folder,
    disable_shuffling=True,
  )
  return folder


@pytest.fixture(scope='module')
def task(folder):
  return load('imagenet', DataConfig(data_dir=str(folder)))


def test_the_official_validation_is_the_test_and_validation_is_drawn(task):
  assert task.sizes == {'train': 180, 'validation': 20, 'test': SCORED}
  assert (task.name, task.image_size, task.default_supernet, task.head.outputs) == ('imagenet', (224, 224), 'hrnas', 1000)
  assert list(task.labels[:3]) == FIRST
  labels = {split: np.concatenate([targets.numpy().argmax(1) for _, targets in task.dataset(split, 50)]) for split in SPLITS}
  assert np.bincount(labels['train']).min() == PER_CLASS - 1, 'drawn evenly over the classes'
  assert labels['test'].tolist() == [i % CLASSES for i in range(SCORED)]


def test_no_more_than_ten_thousand_are_drawn_for_validation(folder, monkeypatch):
  monkeypatch.setattr(imagenet, 'VALIDATION', 8)
  assert load('imagenet', DataConfig(data_dir=str(folder))).sizes == {'train': 192, 'validation': 8, 'test': SCORED}
  assert load('imagenet', DataConfig(data_dir=str(folder), train_examples=40)).sizes == {'train': 40, 'validation': 8, 'test': SCORED}


def test_the_draw_follows_the_data_seed(folder, task):
  first, again, other = (
    np.concatenate(
      [
        images.numpy().mean((1, 2, 3))
        for images, _ in load('imagenet', DataConfig(data_dir=str(folder), data_seed=seed)).dataset('validation', 20)
      ]
    )
    for seed in (0, 0, 1)
  )
  assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_evaluation_sees_the_middle_0875_with_imagenets_statistics(task):
  images, _ = next(iter(task.dataset('test', 4)))
  picture = center_crop(open_rgb(jpeg(2), ''), (224, 224), 0.875)
  expected = (picture / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
  np.testing.assert_allclose(images[2], expected, atol=1e-5)


def test_training_batches_are_the_same_for_the_same_epoch_also_from_their_middle(task):
  whole = [images.numpy() for images, _ in task.dataset('train', 60, training=True, seed=1, epoch=3)]
  rest = [images.numpy() for images, _ in task.dataset('train', 60, training=True, seed=1, epoch=3, start_batch=1)]
  assert [batch.shape for batch in whole] == [(60, 224, 224, 3)] * 3
  np.testing.assert_array_equal(whole[1:], rest)
  other = next(iter(task.dataset('train', 60, training=True, seed=1, epoch=4)))[0]
  assert (other.numpy() != whole[0]).any()


def test_training_shows_parts_from_8_percent_of_a_picture_on():
  # The smallest part of a 100x100 picture whose left half is black: its side is the root of 0.08.
  draws = np.asarray([0.0, 0.0, 0.9, 0.0, 0.5])
  (left, top, right, bottom), _ = _augment.random_box(draws, 100, 100, imagenet.SMALLEST_AREA)
  assert (left, top) == (0, 0) and (right, bottom) == pytest.approx((8**0.5 * 10, 8**0.5 * 10))


def test_pictures_in_folders_look_the_same(task, tmp_path):
  for split, count in (('train', 200), ('val', SCORED)):
    for index in range(count):
      label = tmp_path / split / task.labels[index % CLASSES]
      label.mkdir(parents=True, exist_ok=True)
      (label / f'{index:04}.JPEG').write_bytes(jpeg(index))
  (tmp_path / 'test').mkdir()
  found = load('imagenet', DataConfig(data_dir=str(tmp_path)))
  assert found.sizes == task.sizes and list(found.labels[:3]) == FIRST
  images, _ = next(iter(found.dataset('test', SCORED)))
  # Folders come class by class: 20 classes of two pictures, then 20 of one.
  expected, _ = next(iter(task.dataset('test', SCORED)))
  np.testing.assert_array_equal(images[:2], expected.numpy()[[0, CLASSES]])
  assert isinstance(found._splits['train'].images, EncodedImages) and found._splits['train'].images._smallest_area == 0.08


def test_without_data_the_ways_to_it_are_named(tmp_path):
  with pytest.raises(TaskError) as error:
    load('imagenet', DataConfig(data_dir=str(tmp_path)))
  message = str(error.value)
  assert f'--task=imagenet reads what is on the disk. Received: nothing at {tmp_path}/imagenet2012/' in message
  assert 'ILSVRC2012_img_train.tar' in message and '--data_dir=FOLDER' in message and 'FOLDER/train/CLASS/' in message


def test_a_missing_split_is_named(tmp_path):
  for label in FIRST:
    (tmp_path / 'train' / label).mkdir(parents=True)
    (tmp_path / 'train' / label / '1.JPEG').write_bytes(jpeg(0))
  with pytest.raises(TaskError, match=rf'has the splits train and validation\. Received: train in {tmp_path}'):
    load('imagenet', DataConfig(data_dir=str(tmp_path)))


def test_headers_are_looked_at_of_train_too_where_that_takes_seconds(tmp_path, monkeypatch):
  for split, number in (('train', 6), ('val', 2)):
    for index in range(number):
      label = tmp_path / split / FIRST[index % 2]
      label.mkdir(parents=True, exist_ok=True)
      (label / f'{index}.JPEG').write_bytes(jpeg(index))
  assert load('imagenet', DataConfig(data_dir=str(tmp_path))).sizes['test'] == 2
  bad = tmp_path / 'train' / FIRST[0] / '2.JPEG'
  bad.write_bytes(b'none')
  with pytest.raises(TaskError, match=rf'can be decoded\. Received: {bad} '):
    load('imagenet', DataConfig(data_dir=str(tmp_path)))
  monkeypatch.setattr(imagenet, '_LOOKED_AT', 5)
  task = load('imagenet', DataConfig(data_dir=str(tmp_path)))
  with pytest.raises(TaskError, match=rf'can be decoded\. Received: {bad} '):
    list(readable(task.dataset('train', 1, training=True)))
