import shutil

import numpy as np
from PIL import Image
import pytest

from st_tf.task import DataConfig, TaskError, load
from tasks import _mask_folder
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
  start = f'segmentation:{root}: '
  assert opened(root).notes == (
    f"{start}in the masks 1 is 'class 1', ..., 3 is 'class 3'; 0 is void, 25% of the pixels, from which nothing is learned"
    ' (--void says otherwise)',
    f'{start}there is no test split, so the validation split is the test',
    f'{start}drawn from train by data_seed, a tenth each: validation',
  )
  with pytest.raises(TaskError, match=r"Received: 0, 1, 2, 3 in .*annotations\. Say --void=none where 0 is 'a', or --void=0 where 1 is"):
    opened(root, class_names='a,b,c,d')
  assert opened(root, class_names='a,b,c,d', void='0').notes[1] == f"{start}no mask has 4 'd'"
  found = opened(root, class_names='a,b,c,d', void='none')
  assert found.labels == ('a', 'b', 'c', 'd') and next(found.dataset('test', 1).as_numpy_iterator())[1][0, 0, :4].tolist() == [0, 1, 2, 3]


def test_drawn_splits_are_said_to_be(tmp_path):
  root = fill(tmp_path)
  assert opened(root).origins == {'validation': 'a tenth of train drawn by data_seed', 'test': 'the validation split'}
  for kind in ('images', 'annotations'):
    shutil.rmtree(root / kind / 'validation')
  task = opened(root)
  assert task.origins == dict.fromkeys(('validation', 'test'), 'a tenth of train drawn by data_seed')
  assert task.notes[-1] == f'segmentation:{root}: drawn from train by data_seed, a tenth each: validation and test'


def test_what_is_passed_over_is_counted_by_ending_and_folder(tmp_path):
  root = fill(tmp_path)
  here = ('a.heic', 'b.GIF', 'in/c.jpg')
  for name in (*(f'images/training/{name}' for name in here), 'images/d.jpg', 'annotations/validation/e.txt'):
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).write_bytes(b'')
  (root / 'images' / 'training' / '.hidden.jpg').write_bytes(b'')
  _, passed, heic, *_ = (note.removeprefix(f'segmentation:{root}: ') for note in opened(root).notes)
  assert passed.startswith('passed over: 1 .gif, 1 .heic, 1 .txt, 1 in no split, 1 in subfolders (images/training: 1 .gif, 1 .heic,')
  assert heic.startswith('HEIC is not read; convert it to JPEG')


@pytest.mark.parametrize(('ending', 'way_out'), [('.HEIC', 'HEIC is not read; convert'), ('.gif', 'Convert it to PNG or JPEG')])
def test_a_picture_that_is_not_read_is_named_with_its_mask(tmp_path, ending, way_out):
  root = fill(tmp_path)
  picture = root / 'images' / 'training' / '3.jpg'
  picture.rename(picture.with_suffix(ending))
  with pytest.raises(TaskError, match=rf'Received: .*training/3\{ending}, whose mask is .*training/3\.png\. {way_out}'):
    opened(root)
  for path in (root / 'images' / 'validation').iterdir():
    path.rename(path.with_suffix(ending))
  picture.with_suffix(ending).rename(picture)
  with pytest.raises(TaskError, match=rf'no images \(.*\) in .*validation, but 3 \{ending.lower()}\. '):
    opened(root)


def paint(root, numbers, mode='L', suffix='.png'):
  """Masks of columns of these numbers in the place of those in the folder."""
  for mask in list((root / 'annotations').rglob('*.png')):
    mask.unlink()
    Image.fromarray(np.tile(np.resize(np.asarray(numbers), 24), (20, 1)).astype(np.uint8)).convert(mode).save(mask.with_suffix(suffix))
  return root


@pytest.mark.parametrize('highest', [1, 255])
@pytest.mark.parametrize('names', ['', 'thing\n', 'other\nthing\n'])
def test_two_numbers_are_two_classes(tmp_path, highest, names):
  root = paint(fill(tmp_path), [0, highest])
  if names:
    (root / 'classes.txt').write_text(names)
  task = opened(root)
  assert task.labels == (*('background', *(names.split() or [f'class {highest}']))[-2:],)
  assert next(task.dataset('test', 1).as_numpy_iterator())[1][0, 0, :4].tolist() == [0, 1, 0, 1]


def test_masks_of_one_class_are_refused(tmp_path):
  with pytest.raises(TaskError, match=r"at least two classes\. Received: 'a' alone in the train split .* 11 pictures\. Add"):
    opened(paint(fill(tmp_path), [1]), class_names='a,b')
  with pytest.raises(TaskError, match=r'Masks have pixels of classes\. Received: 0 alone, which is void'):
    opened(paint(tmp_path, [0]), class_names='a,b')


@pytest.mark.parametrize('suffix', ['.PNG', '.Png', '.bmp', '.tif'])
def test_masks_may_have_any_ending_whose_files_keep_numbers(tmp_path, suffix):
  assert opened(paint(fill(tmp_path), [1, 2], suffix=suffix)).labels == ('class 1', 'class 2')


@pytest.mark.parametrize('suffix', ['.jpg', '.JPEG', '.webp', '.gif'])
def test_masks_whose_files_do_not_keep_numbers_are_refused(tmp_path, suffix):
  with pytest.raises(TaskError, match=rf'Received: .*annotations/\w+/\d+{suffix}, whose format does not keep numbers\. Export .* as PNG'):
    opened(paint(fill(tmp_path), [1, 2], suffix=suffix))


def test_names_in_another_form_of_unicode_are_the_same(tmp_path):
  root = fill(tmp_path)
  (root / 'images/training/3.jpg').rename(root / 'images/training/\u00e9.jpg')
  (root / 'annotations/training/3.png').rename(root / 'annotations/training/e\u0301.png')
  assert opened(root).sizes['train'] == 11


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-16-be'])
@pytest.mark.parametrize('text', ['h\u00e9\nb\nc', 'h\u00e9 \r\nb\t\r\nc\r\n\r\n', 'h\u00e9\rb\rc\r'])
def test_a_list_of_names_may_be_written_as_editors_write_them(tmp_path, encoding, text):
  (tmp_path / 'n.txt').write_bytes((f'\ufeff{text}' if encoding[-2:] in ('le', 'be') else text).encode(encoding))
  assert _mask_folder._lines(tmp_path / 'n.txt') == ['h\u00e9', 'b', 'c']


@pytest.mark.parametrize('data', ['h\u00e9'.encode('latin-1'), 'ab'.encode('utf-16-le'), b'\xef\xbb\xbf\n', b''])
def test_a_list_of_names_in_no_known_encoding_or_of_none_is_refused(tmp_path, data):
  (tmp_path / 'n.txt').write_bytes(data)
  with pytest.raises(TaskError, match=r'Names of classes are a text file in UTF-8, one per line\. Received: .*n\.txt'):
    _mask_folder._lines(tmp_path / 'n.txt')


def test_folders_as_others_call_them_are_splits_and_what_systems_leave_is_passed_over(tmp_path):
  root = fill(tmp_path)
  for kind in ('images', 'annotations'):
    (root / kind / 'training').rename(root / kind / 'Train')
    (root / kind / 'validation').rename(root / kind / 'valid')
    (root / kind / '__MACOSX').mkdir()
  (root / 'annotations' / 'Train' / '._3.png').write_bytes(b'')
  assert opened(root).sizes == {'train': 11, 'validation': 1, 'test': 3}


def test_windows_are_what_the_flags_say_or_256_where_sizes_differ(tmp_path):
  root = fill(tmp_path)
  assert opened(root, image_size=16, image_width=18).image_size == (16, 18)
  for kind, mode in (('images', 'RGB'), ('annotations', 'L')):
    Image.new(mode, (30, 40), 1 if mode == 'L' else 0).save(root / kind / 'training' / 'other.png')
  assert opened(root).image_size == (256, 256)
  other = opened(root).resized((32, 64))
  assert len(other.picture_sizes) == other.sizes['train'] + other.sizes['validation'] and opened(root).picture_sizes
  images, masks = next(iter(other.dataset('test', 2)))
  assert images.shape[1:3] == masks.shape[1:] == (32, 64)


def test_names_come_from_the_flag_or_from_a_file(tmp_path):
  root = fill(tmp_path)
  assert opened(root, class_names='sky, road,tree').labels == ('sky', 'road', 'tree')
  names = root / 'names.txt'
  names.write_text('a\nb\nc\nd\n')
  assert opened(root, class_names=str(names), void='0').labels == ('a', 'b', 'c', 'd')
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
  with pytest.raises(TaskError, match=r'names a folder that exists\. Received: .*nowhere'):
    opened(tmp_path / 'nowhere')
  with pytest.raises(TaskError, match=r'Names of classes are a text file.* Received: no_such\.txt'):
    opened(fill(tmp_path), class_names='no_such.txt')


@pytest.mark.parametrize('folder', ['annotations', 'images'])
@pytest.mark.parametrize('name', ['3_mask', '3_L', '3.jpg'])
def test_a_partner_that_is_called_otherwise_is_pointed_at(tmp_path, folder, name):
  fill(tmp_path)
  file = next((tmp_path / folder / 'training').glob('3.*'))
  file.rename(file.with_name(f'{name}{file.suffix}'))
  with pytest.raises(TaskError, match=rf'Every image has a mask .* Is {name} its name on the other side\? Give both one name'):
    opened(tmp_path)


def test_a_partner_in_other_letter_cases_is_pointed_at(tmp_path):
  fill(tmp_path)
  (tmp_path / 'images/training/3.jpg').rename(tmp_path / 'images/training/Three.jpg')
  (tmp_path / 'annotations/training/3.png').rename(tmp_path / 'annotations/training/three.png')
  with pytest.raises(TaskError, match=r'Three\.jpg without .*Three\.png\. .* Is three its name'):
    opened(tmp_path)


def test_folders_of_another_layout_are_named(tmp_path):
  fill(tmp_path)
  (tmp_path / 'annotations').rename(tmp_path / 'masks')
  with pytest.raises(TaskError, match=r'Received: .*, which holds images, masks\. Rename or move these\.'):
    opened(tmp_path)
  (tmp_path / 'masks').rename(tmp_path / 'annotations')
  for kind in ('images', 'annotations'):
    shutil.rmtree(tmp_path / kind / 'validation')
    (tmp_path / kind / 'training').rename(tmp_path / kind / 'other')
  shutil.move(tmp_path / 'images/other/3.jpg', tmp_path / 'images')
  for kind in ('images', 'annotations'):
    shutil.rmtree(tmp_path / kind / 'other')
  with pytest.raises(TaskError, match=r'images without training/, but with 1 pictures in no split\. Move them into training/'):
    opened(tmp_path)


def test_a_list_of_names_is_found_in_any_letter_case_and_one_picture_in_two_splits_is_told_of(tmp_path):
  fill(tmp_path)
  (tmp_path / 'Classes.TXT').write_text('a\nb\nc\n')
  shutil.copy(tmp_path / 'images/training/3.jpg', tmp_path / 'images/validation/1.jpg')
  task = opened(tmp_path)
  assert list(task.labels) == ['a', 'b', 'c'] and any('1 picture is there in two splits' in note for note in task.notes)


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
