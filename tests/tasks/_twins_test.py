import pytest

from tasks import _twins

SPLITS = {'train': {'a.jpg': b'one', 'b.jpg': b'two', 'c.jpg': b'four'}, 'test': {'d.jpg': b'six', 'e.jpg': b'five!'}}


def found(root, splits, labels=()):
  for split, files in splits.items():
    (root / split).mkdir()
    for name, content in files.items():
      (root / split / name).write_bytes(content)
  given = {split: [(root / split / name, dict(labels).get(name, 0)) for name in files] for split, files in splits.items()}
  return [note.replace(f'{root}/', '') for note in _twins.notes('x', given)]


def test_pictures_that_differ_are_not_told_of(tmp_path):
  assert found(tmp_path, SPLITS, {'a.jpg': 1}) == []


@pytest.mark.parametrize('test', [{'d.jpg': b'two'}, {'d.jpg': b'two', 'e.jpg': b'four'}])
def test_pictures_in_two_splits_are_counted(tmp_path, test):
  are = '1 picture is' if len(test) == 1 else '2 pictures are'
  assert found(tmp_path, {'test': test, 'train': SPLITS['train']}) == [
    f'x: {are} there in two splits, so that scores tell less of new pictures, such as train/b.jpg, which is test/d.jpg'
  ]


def test_a_picture_with_two_labels_is_told_of_whatever_its_split(tmp_path):
  notes = found(tmp_path, {'train': SPLITS['train'] | {'z.jpg': b'one'}, 'test': SPLITS['test']}, {'z.jpg': 1})
  assert notes == ['x: 1 picture is there under two labels, such as train/a.jpg, which is train/z.jpg']


def test_pictures_of_which_splits_are_drawn_are_told_of(tmp_path):
  assert found(tmp_path, {'train': SPLITS['train'] | {'z.jpg': b'one'}}) == [
    'x: 1 picture is there more than once, and may be drawn into two splits, such as train/a.jpg, which is train/z.jpg'
  ]
