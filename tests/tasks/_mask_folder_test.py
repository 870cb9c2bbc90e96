import shutil

import numpy as np
from PIL import Image
import pytest

from st_tf.task import DataConfig, TaskError, load
from tasks._masks import IGNORED


def fill(root, training=12, validation=3, size=(20, 24), classes=3):
  """An ADE20K-like folder of noise with masks of all numbers from 0 to `classes`."""
  rng = np.random.default_rng(0)
  for split, count in (('training', training), ('validation', validation)):
    for kind in ('images', 'annotations'):
      (root / kind / split).mkdir(parents=True)
    for index in range(count):
      Image.fromarray(rng.integers(0, 256, (*size, 3)).astype(np.uint8)).save(root / 'images' / split / f'{index}.jpg')
      numbers = np.arange(size[0] * size[1]).reshape(size) % (classes + 1)
      Image.fromarray(numbers.astype(np.uint8)).save(root / 'annotations' / split / f'{index}.png')
  return root


def opened(root, **settings):
  return load(f'segmentation:{root}', DataConfig(**settings))


def test_a_folder_is_read_with_0_as_void(tmp_path):
  task = opened(fill(tmp_path))
  assert task.labels == ('class 1', 'class 2', 'class 3') and task.head.kind == 'dense' and task.head.outputs == 3
  assert task.sizes == {'train': 11, 'validation': 1, 'test': 3} and task.image_size == (20, 24)
  images, targets = next(task.dataset('test', 3).as_numpy_iterator())
  assert images.shape == (3, 20, 24, 3)
  np.testing.assert_array_equal(targets[0], np.arange(480).reshape(20, 24) % 4 - 1)
  assert IGNORED == -1


def test_numbers_that_look_like_another_convention_are_noted(tmp_path):
  root = fill(tmp_path)
  assert opened(root).notes == ()
  assert "no mask has 4 'd'. Classes count from 1; 0 is void" in opened(root, class_names='a,b,c,d').notes[0]
  path = next((root / 'annotations' / 'training').iterdir())
  numbers = np.array(Image.open(path))
  numbers[0] = 255
  Image.fromarray(numbers).save(path)
  (note,) = opened(root).notes
  assert "no mask has 4 'class 4' and 250 more classes" in note
  for mask in (root / 'annotations').rglob('*.png'):
    Image.fromarray(np.zeros_like(np.array(Image.open(mask))) + (np.arange(24) > 20).astype(np.uint8)).save(mask)
  assert any('88% of the pixels are void' in note for note in opened(root, class_names='a,b').notes)


def test_windows_are_what_the_flags_say_or_256_where_sizes_differ(tmp_path):
  root = fill(tmp_path)
  assert opened(root, image_size=16, image_width=18).image_size == (16, 18)
  for kind, mode in (('images', 'RGB'), ('annotations', 'L')):
    Image.new(mode, (30, 40), 1 if mode == 'L' else 0).save(root / kind / 'training' / 'other.png')
  assert opened(root).image_size == (256, 256)


def test_names_come_from_the_flag_or_from_a_file(tmp_path):
  root = fill(tmp_path)
  assert opened(root, class_names='sky, road,tree').labels == ('sky', 'road', 'tree')
  names = root / 'names.txt'
  names.write_text('a\nb\nc\nd\n')
  assert opened(root, class_names=str(names)).labels == ('a', 'b', 'c', 'd')
  (root / 'classes.txt').write_text('x\ny\nz\n')
  assert opened(root).labels == ('x', 'y', 'z')
  (root / 'objectInfo150.txt').write_text(
    'Idx\tRatio\tTrain\tVal\tName\n1\t.1\t1\t1\twall\n2\t.1\t1\t1\tbuilding, edifice\n3\t.1\t1\t1\tsky\n'
  )
  assert opened(root).labels == ('wall', 'building', 'sky')


@pytest.mark.parametrize(
  ('spoil', 'message'),
  [
    (lambda root: (root / 'images/training/3.jpg').unlink(), r'Every image has a mask .* Received: .*annotations/training/3\.png without'),
    (lambda root: (root / 'annotations/training/3.png').unlink(), r'Received: .*images/training/3\.jpg without .*3\.png'),
    (lambda root: (root / 'images/training/3.jpg').write_bytes(b'x'), r'An image can be decoded\. Received: .*training/3\.jpg'),
    (lambda root: (root / 'annotations/training/3.png').write_bytes(b'x'), r'A mask is a picture .* Received: .*training/3\.png'),
    (lambda root: Image.new('L', (9, 9)).save(root / 'annotations/validation/1.png'), r'A mask has the size of its picture, 24x20'),
    (
      lambda root: (root / 'images/training').rename(root / 'images/other'),
      r'The splits are training, validation and test\. Received: .*other',
    ),
    (
      lambda root: (root / 'images/training/3.png').write_bytes(b''),
      r'No two images of a split have one name\. Received: .*3\.jpg and .*3\.png\. Rename or remove one',
    ),
    (
      lambda root: shutil.rmtree(root / 'images/validation'),
      r'in images/ and one in annotations/\. Received: .*annotations/validation without .*images/validation\. Add or remove it',
    ),
    (lambda root: shutil.rmtree(root / 'annotations/validation'), r'Received: .*images/validation without .*annotations/validation\. Add'),
    (lambda root: (root / 'annotations/other').mkdir(), r'The splits are .* Received: .*annotations/other\. Rename or remove it'),
    (lambda root: (root / 'annotations').rename(root / 'masks'), r'The folder holds images/ and annotations/'),
    (lambda root: (root / 'classes.txt').write_text('a\nb\n'), r'0 \(void\) and the numbers of the 2 classes, from 1\. Received: 3 in'),
    (lambda root: (root / 'classes.txt').write_text('a\na\nb\n'), r"no two alike\. Received: 3 names, \['a'\] repeated, in .*classes\.txt"),
  ],
)
def test_bad_data_is_named_with_the_rule_before_training(tmp_path, spoil, message):
  root = fill(tmp_path)
  spoil(root)
  with pytest.raises(TaskError, match=message):
    opened(root)


@pytest.mark.parametrize('folder', ['training', 'validation'])
def test_a_split_whose_masks_have_no_class_is_refused(tmp_path, folder):
  root = fill(tmp_path)
  masks = list(root.glob(f'annotations/{folder}/*.png'))
  for mask in masks:
    Image.fromarray(np.zeros((20, 24), np.uint8)).save(mask)
  with pytest.raises(
    TaskError,
    match=rf'have pixels of classes\. Received: {len(masks)} masks that are all void, such as those in .*{folder}\. Export',
  ):
    opened(root, class_names='a,b,c')


def test_missing_folders_and_names_are_refused(tmp_path):
  with pytest.raises(TaskError, match=r'reads a folder that exists\. Received: .*nowhere'):
    opened(tmp_path / 'nowhere')
  with pytest.raises(TaskError, match=r'Names of classes are a text file.* Received: no_such\.txt'):
    opened(fill(tmp_path), class_names='no_such.txt')


@pytest.mark.parametrize(('names', 'number'), [('a,,b', 2), ('a, ,b', 2), ('a,b,', 3), (',', 1)])
def test_a_class_without_a_name_is_refused(tmp_path, names, number):
  message = rf'A class has a name that is not empty\. Received: none for number {number} in --class_names\. Name it'
  with pytest.raises(TaskError, match=message):
    opened(fill(tmp_path), class_names=names)


@pytest.mark.parametrize(('text', 'number'), [('\na\nb\n', 1), ('a\n\nb\n', 2)])
def test_an_empty_line_in_a_list_of_classes_moves_no_name(tmp_path, text, number):
  root = fill(tmp_path)
  (root / 'classes.txt').write_text(text)
  with pytest.raises(TaskError, match=rf'A class has a name that is not empty\. Received: none for number {number} in .*classes\.txt'):
    opened(root)
