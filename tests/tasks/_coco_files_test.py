import pytest

from st_tf.task import TaskError
from tasks import _coco_files


def folder(root, *names):
  (root / 'annotations').mkdir()
  for name in names:
    (root / 'annotations' / name).write_text('{}')
  return root


@pytest.mark.parametrize(
  ('names', 'splits'),
  [
    (('train2017', 'val2017'), {'train': 'train2017', 'test': 'val2017'}),
    (('train', 'test'), {'train': 'train', 'test': 'test'}),
    (('train', 'val', 'test'), {'train': 'train', 'validation': 'val', 'test': 'test'}),
    (('Train', 'valid_set'), {'train': 'Train', 'test': 'valid_set'}),
    (('train_small', 'val-small'), {'train': 'train_small', 'test': 'val-small'}),
    (('training', 'dev', 'Testing'), {'train': 'training', 'validation': 'dev', 'test': 'Testing'}),
    (('train',), {'train': 'train'}),
  ],
)
def test_files_are_of_the_splits_that_their_names_say(tmp_path, names, splits):
  found, notes = _coco_files.files(folder(tmp_path, *(f'person_keypoints_{name}.json' for name in names)))
  assert {split: path.stem.removeprefix('person_keypoints_') for split, path in found.items()} == splits and notes == ()
  assert {split: _coco_files.pictures(path) for split, path in found.items()} == {split: tmp_path / name for split, name in splits.items()}


def test_other_files_are_named(tmp_path):
  folder(tmp_path, 'person_keypoints_train.json', 'captions_train.json', 'person_keypoints_extra.JSON', 'readme.txt')
  found, notes = _coco_files.files(tmp_path)
  assert list(found) == ['train'] and notes == (f'{tmp_path}: not used: captions_train.json, person_keypoints_extra.JSON in annotations',)


@pytest.mark.parametrize(
  ('names', 'message'),
  [
    ((), r'Annotations are a file annotations/person_keypoints_train\*\.json\. Received: .*, which has none\. Add it'),
    (('instances_train.json',), r'which has none, but instances_train\.json\. Rename it'),
    (('person_keypoints_val.json',), r'which has none\. Add it'),
    (('person_keypoints_train.json', 'person_keypoints_Training.json'), r'There is one annotation file person_keypoints_train\*\.json'),
    (
      ('person_keypoints_train.json', 'person_keypoints_val.json', 'person_keypoints_valid.json'),
      r'There is one annotation file person_keypoints_val\*\.json\. Received: .*val\.json, .*valid\.json\. Keep one',
    ),
  ],
)
def test_what_is_not_one_file_of_train_is_refused(tmp_path, names, message):
  with pytest.raises(TaskError, match=message):
    _coco_files.files(folder(tmp_path, *names))
