import pathlib
import unicodedata

import pytest

from st_tf.task import TaskError
from tasks import _class_folders
from tasks._picture_folders import decode


def touch(root: pathlib.Path, *files: str) -> pathlib.Path:
  for file in files:
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_bytes(b'')
  return root


def read(root, ignored=()):
  return _class_folders.read(root, 'folder:x', ignored)


def splits(found):
  """{split: [file's name and label, as 'name label']}."""
  return {split: [f'{path.name} {found.labels[label]}' for path, label in pairs] for split, pairs in found.files.items()}


def test_files_come_in_order_with_the_number_of_their_class(tmp_path):
  touch(tmp_path, 'train/bee/2.jpg', 'train/bee/1.PNG', 'train/ant/3.jpeg', 'train/ant/notes.txt', 'val/bee/4.jpg')
  found = read(tmp_path)
  assert found.labels == ['ant', 'bee']
  assert {split: [(path.name, label) for path, label in pairs] for split, pairs in found.files.items()} == {
    'train': [('3.jpeg', 0), ('1.PNG', 1), ('2.jpg', 1)],
    'validation': [('4.jpg', 1)],
  }
  assert found.notes == ('folder:x: passed over: 1 .txt (train/ant: 1 .txt)',)


def test_folders_of_classes_alone_are_a_train_split(tmp_path):
  found = read(touch(tmp_path, 'ant/1.jpg', 'bee/1.jpg'))
  assert list(found.files) == ['train'] and found.notes == ()


def test_an_ignored_split_is_as_if_it_were_not_there(tmp_path):
  touch(tmp_path, 'train/ant/1.jpg', 'train/bee/1.jpg', 'Test/cow/1.jpg')
  assert list(read(tmp_path, ('test',)).files) == ['train']
  with pytest.raises(TaskError, match=rf'Every label is one of train \(ant, bee\)\. Received: {tmp_path}/Test/cow'):
    read(tmp_path)


@pytest.mark.parametrize(
  ('train', 'validation', 'test'),
  [('train', 'valid', 'test'), ('Training', 'dev', 'Testing'), ('TRAIN', 'Val', 'Test'), ('training_set', 'Dev', 'test-set')],
)
def test_splits_are_known_by_the_names_that_others_give_them(tmp_path, train, validation, test):
  for split in (train, validation, test):
    touch(tmp_path, f'{split}/ant/{split}.jpg', f'{split}/bee/{split}.jpg')
  found = read(tmp_path)
  names = {'train': train, 'validation': validation, 'test': test}
  assert splits(found) == {split: [f'{name}.jpg ant', f'{name}.jpg bee'] for split, name in names.items()}
  told = [f'folder:x: {name} is taken for the {split} split' for split, name in names.items() if name not in ('train', 'test')]
  assert sorted(found.notes) == sorted(told)


def test_two_folders_of_one_split_are_refused(tmp_path):
  touch(tmp_path, *(f'{split}/{label}/1.jpg' for split in ('train', 'val', 'valid') for label in ('ant', 'bee')))
  with pytest.raises(TaskError, match=rf'Received: {tmp_path}/valid, beside val, which is the validation split too\. Rename or remove it'):
    read(tmp_path)


def test_what_systems_leave_and_what_is_hidden_counts_for_nothing(tmp_path):
  touch(tmp_path, 'ant/1.jpg', 'bee/2.jpg')
  left = ('__MACOSX/ant/._1.jpg', '@eaDir/1.jpg', '.hidden/3.jpg', 'ant/Thumbs.db', 'ant/.DS_Store', 'bee/._2.jpg', 'desktop.ini')
  touch(tmp_path, *left, 'ant/@eaDir/1.jpg', '$RECYCLE.BIN/4.jpg', 'bee/.5.jpg', 'ant/__macosx/6.jpg')
  found = read(tmp_path)
  assert splits(found) == {'train': ['1.jpg ant', '2.jpg bee']} and found.notes == ()


def test_what_is_passed_over_is_counted_by_ending_and_folder(tmp_path):
  touch(tmp_path, 'train/ant/1.jfif', 'train/ant/2.JPE', 'train/bee/1.jpg', 'train/ant/more/3.jpg', 'train/ant/more/deep/4.png')
  touch(tmp_path, 'train/bee/a.GIF', 'train/bee/b.gif', 'train/bee/noname', 'train/5.jpg', 'readme.txt', 'train/ant/empty.jpg/x.txt')
  found = read(tmp_path)
  assert splits(found) == {'train': ['1.jfif ant', '2.JPE ant', '1.jpg bee']}
  assert found.notes == (
    'folder:x: passed over: 2 .gif, 2 in subfolders, 1 .txt, 1 in no class folder, 1 without an ending'
    ' (train/bee: 2 .gif, 1 without an ending; train/ant: 2 in subfolders; .: 1 .txt; train: 1 in no class folder)',
  )


def test_pictures_straight_in_a_split_that_is_scored_have_no_labels(tmp_path):
  touch(tmp_path, 'train/ant/1.jpg', 'train/bee/1.jpg', 'test/1.jpg', 'test/2.jpg')
  found = read(tmp_path)
  assert list(found.files) == ['train']
  assert found.notes == ('folder:x: test has no labels, 2 pictures and no folders of classes, and is not used',)


@pytest.mark.parametrize('split', ['test', 'Testing', 'val', 'validation', 'test_set'])
def test_a_split_without_labels_beside_classes_is_no_class(tmp_path, split):
  found = read(touch(tmp_path, 'ant/1.jpg', 'bee/1.jpg', f'{split}/1.jpg', f'{split}/more/2.jpg'))
  assert splits(found) == {'train': ['1.jpg ant', '1.jpg bee']}
  assert found.notes == (
    f'folder:x: {split} is called like a split and holds 1 picture without labels: it is no class, and is not used (rename it where it is'
    ' one)',
  )


@pytest.mark.parametrize('label', ['train', 'Valid', 'dev'])
def test_a_class_that_is_called_like_a_split_is_told_of(tmp_path, label):
  found = read(touch(tmp_path, 'invalid/1.jpg', 'plane/1.jpg', f'{label}/1.jpg', f'{label}/2.jpg', f'{label}/more/3.jpg'))
  assert sorted(found.labels) == sorted(['invalid', 'plane', label])
  assert found.notes[0] == f'folder:x: {label} is taken for a class, since it holds pictures and stands beside classes'


def test_pictures_of_a_class_called_train_outnumber_those_in_its_folders(tmp_path):
  files = ('bus/1.jpg', *(f'train/{name}.jpg' for name in ('1', '2', '3', 'old/1', 'new/1')))
  assert read(touch(tmp_path, *files)).labels == ['bus', 'train']
  assert read(touch(tmp_path, 'test/1.jpg')).labels == ['new', 'old'], 'beside another split it is one'


def test_strays_beside_the_classes_of_train_are_counted_and_change_nothing(tmp_path):
  touch(tmp_path, 'train/ant/1.jpg', 'train/bee/1.jpg', 'train/stray.jpg', 'test/1.jpg', 'samples/1.jpg')
  found = read(tmp_path)
  assert splits(found) == {'train': ['1.jpg ant', '1.jpg bee']}
  assert found.notes == (
    'folder:x: samples has no labels, 1 picture and no folders of classes, and is not used',
    'folder:x: test has no labels, 1 picture and no folders of classes, and is not used',
    'folder:x: passed over: 1 in no class folder (train: 1 in no class folder)',
  )


@pytest.mark.parametrize(
  ('files', 'message'),
  [
    (['ant/1.jpg', 'test/1.jpg'], r"Received: \['ant'\] in ROOT, beside test, called like a split\. Add a folder per class"),
    (['1.jpg', '2.jpg'], r'at least two classes, .* Received: \[\] in ROOT, and 2 pictures without labels\. Sort them into ROOT/LABEL/\.'),
    (['train/1.jpg', 'test/1.jpg'], r'at least one class folder\. Received: 1 picture without labels in ROOT/train\. Add class folders'),
    (['train/1.jpg'], r'at least one class folder\. Received: 1 picture without labels in ROOT/train'),
    (['test/ant/1.jpg', 'val/ant/1.jpg'], r'there is train\. Received: test, val in ROOT\. Add train, with a folder per class'),
    (['photos/ant/1.jpg', 'photos/bee/1.jpg', 'a.zip'], r"Received: \['photos'\] in ROOT, which holds ROOT/photos\. Give that path\."),
    (['a/b/train/ant/1.jpg', 'a/b/test/ant/1.jpg', 'docs/x.txt'], r'in ROOT, which holds ROOT/a/b\. Give that path\.'),
    (['train/train/ant/1.jpg', 'train/train/bee/1.jpg', 'test/x/1.jpg'], r'in ROOT/train, which holds ROOT/train/train\. Move what is in'),
    (['ant/1.jpg', 'ant/more/2.jpg', 'ant/rest/3.jpg'], r"Received: \['ant'\] in ROOT\. Add a folder per class\."),
    (
      ['ant/1.jpg', 'bee/1.heic', 'bee/2.HEIC'],
      r'Received: none in ROOT/bee, but 2 \.heic\. HEIC is not read; convert it to JPEG.*\)\. Convert them to JPEG or PNG, or remove it',
    ),
    (['ant/1.jpg', 'bee/1.tif'], r'Received: none in ROOT/bee, but 1 \.tif\. Convert them to JPEG or PNG, or remove it'),
    (['ant/1.jpg', 'bee/1.jpg', 'test/bee/1.jpg'], r'ROOT/test, but 1 in subfolders\. Where it is the test split, put the classes beside'),
    (
      ['ant/1.jpg', 'bee/more/1.jpg'],
      r'Received: none in ROOT/bee, but 1 in subfolders\. Move its pictures up, or remove it; where it is a split, call it',
    ),
    (
      ['train/ant/1.jpg', 'train/bee/1.jpg', 'test/unknown/1.jpg'],
      r'ROOT/test/unknown\. .* If the pictures in test have no labels, remove it',
    ),
    (['train/Ant/1.jpg', 'train/Bee/1.jpg', 'val/ant/1.jpg'], r'ROOT/val/ant\. Rename or remove it\. Did you mean Ant\?'),
    (['train/ant/1.jpg', 'train/bee/1.jpg', 'extra/ant/1.jpg'], r'Beside train there are only .* Received: ROOT/extra\. Rename or remove'),
    (['a\nb/1.jpg', 'bee/1.jpg'], r"text of one line, in UTF-8 and without control characters\. Received: 'a\\nb' in folder:x"),
    (['caf\udce9/1.jpg', 'bee/1.jpg'], r"in UTF-8 .*Received: 'caf\\udce9' in folder:x\. Rename it"),
  ],
)
def test_what_makes_no_classes_is_refused_with_the_way_out(tmp_path, files, message):
  with pytest.raises(TaskError, match=message.replace('ROOT', str(tmp_path))):
    read(touch(tmp_path, *files))


def test_heic_beside_pictures_is_told_of(tmp_path):
  found = read(touch(tmp_path, 'ant/1.jpg', 'ant/2.heif', 'bee/1.jpg'))
  assert found.notes[0] == 'folder:x: passed over: 1 .heif (ant: 1 .heif)'
  assert found.notes[1].startswith('folder:x: HEIC is not read; convert it to JPEG')


def test_a_folder_without_pictures_beside_the_splits_is_let_be(tmp_path):
  found = read(touch(tmp_path, 'train/ant/1.jpg', 'train/bee/1.jpg', 'docs/read.txt'))
  assert list(found.files) == ['train']


def test_names_in_two_normal_forms_are_one_class(tmp_path):
  composed, decomposed = (unicodedata.normalize(form, 'café') for form in ('NFC', 'NFD'))
  touch(tmp_path, f'train/{decomposed}/1.jpg', 'train/tea/1.jpg', f'val/{composed}/2.jpg', f'val/{decomposed}/3.jpg')
  found = read(tmp_path)
  assert found.labels == [composed, 'tea']
  assert sorted(splits(found)['validation']) == [f'2.jpg {composed}', f'3.jpg {composed}']


def test_a_link_that_leads_nowhere_is_missed_and_not_passed_over(tmp_path):
  touch(tmp_path, 'ant/1.jpg', 'bee/1.jpg')
  (tmp_path / 'bee' / '2.jpg').symlink_to(tmp_path / 'gone.jpg')
  found = read(tmp_path)
  assert splits(found)['train'] == ['1.jpg ant', '1.jpg bee', '2.jpg bee']
  with pytest.raises(TaskError, match=rf'An image is a file that exists\. Received: {tmp_path}/bee/2\.jpg\. Bad too: .*bee/1\.jpg\.$'):
    decode([tmp_path / 'bee' / '2.jpg', tmp_path / 'bee' / '1.jpg'])
