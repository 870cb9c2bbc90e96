import numpy as np
from PIL import Image, features
import pytest

from st_tf.task import SPLITS, DataConfig, TaskError, load
from st_tf.task.scoring import readable

CLASSES = ('ant', 'bee')


def fill(folder, count, classes=CLASSES, suffixes=('.png',)):
  """`count` pictures per class, of various sizes and, in turn, of the given kinds."""
  rng = np.random.default_rng(len(classes))
  for name in classes:
    (folder / name).mkdir(parents=True)
    for index in range(count):
      pixels = rng.integers(0, 256, (20 + index, 30, 3)).astype(np.uint8)
      Image.fromarray(pixels).save(folder / name / f'{index:03}{suffixes[index % len(suffixes)]}')
  return folder


def open_folder(path, **settings):
  return load(f'folder:{path}', DataConfig(**settings))


def test_folders_of_labels_alone_are_split_by_a_seed(tmp_path):
  task = open_folder(fill(tmp_path, 20, suffixes=('.png', '.JPG', '.jpeg', '.bmp', '.webp')))
  assert task.sizes == {'train': 32, 'validation': 4, 'test': 4}
  assert (task.labels, task.image_size, task.default_supernet) == (CLASSES, (96, 96), 'mobile')
  targets = [np.concatenate([batch.numpy() for _, batch in task.dataset(split, 8)]) for split in SPLITS]
  assert [split.sum(0).tolist() for split in targets] == [[16, 16], [2, 2], [2, 2]]


def test_split_folders_are_the_splits(tmp_path):
  for split, count in (('train', 5), ('val', 3), ('test', 2)):
    fill(tmp_path / split, count)
  assert open_folder(tmp_path).sizes == {'train': 10, 'validation': 6, 'test': 4}


def test_a_missing_validation_is_drawn(tmp_path):
  for split, count in (('train', 20), ('test', 2)):
    fill(tmp_path / split, count)
  assert open_folder(tmp_path).sizes == {'train': 36, 'validation': 4, 'test': 4}


def test_a_validation_folder_without_a_test_folder_is_the_test(tmp_path):
  for split, count in (('train', 20), ('validation', 3)):
    fill(tmp_path / split, count)
  assert open_folder(tmp_path).sizes == {'train': 36, 'validation': 4, 'test': 6}


def test_a_class_may_be_called_train(tmp_path):
  assert open_folder(fill(tmp_path, 10, ('car', 'train'))).labels == ('car', 'train')


def test_batches_have_the_size_of_the_flag_and_repeat_to_the_bit(tmp_path):
  task = open_folder(fill(tmp_path, 20), image_size=40)
  for training in (False, True):
    first, second = (next(iter(task.dataset('train', 4, training=training, seed=1)))[0].numpy() for _ in range(2))
    assert first.shape == (4, 40, 40, 3)
    np.testing.assert_array_equal(first, second)


def test_a_relative_path_counts_from_the_data_dir(tmp_path):
  fill(tmp_path / 'pets', 10)
  assert load('folder:pets', DataConfig(data_dir=str(tmp_path))).name == 'folder:pets'


def test_other_files_and_hidden_folders_do_not_disturb(tmp_path):
  fill(tmp_path, 10)
  (tmp_path / 'README.txt').write_text('pets')
  (tmp_path / 'ant' / 'notes.txt').write_text('ants')
  (tmp_path / '.cache').mkdir()
  assert sum(open_folder(tmp_path).sizes.values()) == 20


def test_a_class_of_one_picture_is_said_not_to_be_scored(tmp_path):
  fill(tmp_path, 20, ('ant', 'bee'))
  fill(tmp_path, 1, ('cow',))
  notes = open_folder(tmp_path).notes
  assert [note.split(': ', 1)[1] for note in notes] == [
    'drawn from train by data_seed, a tenth each: validation and test',
    'validation has no picture of cow, which is not scored there',
    'test has no picture of cow, which is not scored there',
  ]


@pytest.mark.parametrize('suffix', ['.jfif', '.JPE', '.Jpeg', '.AVIF'])
def test_less_usual_endings_are_read(tmp_path, suffix):
  if suffix == '.AVIF' and not features.check('avif'):
    pytest.skip('this Pillow reads no AVIF')
  fill(tmp_path, 10, suffixes=('.png',))
  for path in (tmp_path / 'ant').iterdir():
    Image.open(path).save(path.with_suffix(suffix), 'AVIF' if suffix == '.AVIF' else 'JPEG')
    path.unlink()
  assert sum(open_folder(tmp_path).sizes.values()) == 20


@pytest.mark.parametrize('split', ['train', 'valid', 'Test'])
def test_a_broken_file_of_any_split_is_found_at_the_start(tmp_path, split):
  for each in ('train', 'valid', 'Test'):
    fill(tmp_path / each, 3)
  bad = tmp_path / split / 'bee' / '001.png'
  bad.write_bytes(bad.read_bytes()[:-900])
  with pytest.raises(TaskError, match=rf'An image can be decoded\. Received: {bad} '):
    open_folder(tmp_path)


def test_a_name_that_is_no_utf8_does_not_hide_which_file_goes_bad_in_training(tmp_path):
  fill(tmp_path, 10)
  bad = tmp_path / 'bee' / 'caf\udce9.png'
  (tmp_path / 'bee' / '003.png').rename(bad)
  task = open_folder(tmp_path)
  bad.write_bytes(b'')
  with pytest.raises(TaskError, match=r'Received: .*/bee/caf\\udce9\.png'):
    for split in SPLITS:
      list(readable(task.dataset(split, 4)))


def test_an_unreadable_image_is_found_before_training_and_named(tmp_path):
  fill(tmp_path, 10)
  (tmp_path / 'bee' / '004.png').write_bytes(b'no picture')
  with pytest.raises(TaskError, match=rf'An image can be decoded\. Received: {tmp_path}/bee/004\.png .*Replace or remove it'):
    open_folder(tmp_path)


def test_an_image_that_was_cut_short_is_named(tmp_path):
  fill(tmp_path, 10, suffixes=('.jpg',))
  file = tmp_path / 'ant' / '003.jpg'
  file.write_bytes(file.read_bytes()[:-300])
  with pytest.raises(TaskError, match=rf'Received: {file} .*truncated'):
    open_folder(tmp_path)


def test_an_image_in_a_mode_without_rgb_form_is_named(tmp_path):
  fill(tmp_path, 10)
  Image.fromarray(np.zeros((20, 20), np.uint16)).save(tmp_path / 'bee' / 'deep.png')
  with pytest.raises(TaskError, match=rf"mode that can be made RGB .*mode 'I;16' of {tmp_path}/bee/deep\.png"):
    open_folder(tmp_path)


def test_one_class_only_is_refused(tmp_path):
  fill(tmp_path, 5, ('ant',))
  with pytest.raises(TaskError, match=rf"at least two classes, one folder each\. Received: \['ant'\] in {tmp_path}"):
    open_folder(tmp_path)


def test_a_folder_without_classes_is_refused(tmp_path):
  with pytest.raises(TaskError, match=r'at least two classes.* Received: \[\]'):
    open_folder(tmp_path)


@pytest.mark.parametrize('empty', ['train', 'test'])
def test_an_empty_split_is_named(tmp_path, empty):
  fill(tmp_path / ({'train', 'test'} - {empty}).pop(), 5)
  (tmp_path / empty).mkdir()
  with pytest.raises(TaskError, match=rf'A split has at least one class folder\. Received: an empty split {tmp_path}/{empty}'):
    open_folder(tmp_path)


def test_an_empty_class_is_named(tmp_path):
  fill(tmp_path, 5)
  (tmp_path / 'cow').mkdir()
  with pytest.raises(TaskError, match=rf'A class folder holds images .*Received: none in {tmp_path}/cow'):
    open_folder(tmp_path)


def test_a_label_that_train_does_not_have_is_named(tmp_path):
  fill(tmp_path / 'train', 5)
  fill(tmp_path / 'test', 5, ('ant', 'cow'))
  with pytest.raises(TaskError, match=rf'Every label is one of train \(ant, bee\)\. Received: {tmp_path}/test/cow'):
    open_folder(tmp_path)


@pytest.mark.parametrize('other', ['tests', 'validation'])
def test_a_split_folder_of_an_unknown_name_or_a_second_time_is_named(tmp_path, other):
  for split in ('train', 'val', other):
    fill(tmp_path / split, 5)
  with pytest.raises(TaskError, match=rf'Beside train there are only validation \(or val\) and test\. Received: {tmp_path}/({other}|val)'):
    open_folder(tmp_path)


def test_pictures_of_another_size_are_those_that_are_read_at_it(tmp_path):
  task = open_folder(fill(tmp_path, 10, suffixes=('.png', '.jpg')))
  assert len(task.picture_sizes) == 20 and set(task.picture_sizes) == {(20 + index, 30) for index in range(10)}
  other, expected = task.resized((40, 40)), open_folder(tmp_path, image_size=40)
  assert (task.image_size, other.image_size) == ((96, 96), (40, 40))
  for training in (False, True):
    (images, targets), (wanted, _) = (next(iter(each.dataset('train', 4, training=training))) for each in (other, expected))
    np.testing.assert_array_equal(images, wanted)
  assert next(iter(task.dataset('train', 4)))[0].shape == (4, 96, 96, 3)


def test_a_picture_in_two_splits_is_told_of(tmp_path):
  for split in ('train', 'test'):
    fill(tmp_path / split, 3)
  assert any('6 pictures are there in two splits' in note for note in open_folder(tmp_path).notes)
