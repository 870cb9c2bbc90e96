import types

import numpy as np
import pytest

from st_tf.task import TaskError
from st_tf.task.mistakes import Mistake, Mistakes, check_place, names_of, read, write
from tests import tiny


def _outputs(*logits):
  return np.log(np.asarray(logits))


def test_what_is_wrong_is_told_with_its_scores_the_surest_first():
  found = Mistakes(tiny.task())
  truth = np.eye(3)[[0, 1, 2]]
  found.update(truth, _outputs([0.9, 0.05, 0.05], [0.6, 0.3, 0.1], [0.1, 0.1, 0.8]))
  found.update(truth, np.concatenate([_outputs([0.2, 0.7, 0.1], [0.1, 0.8, 0.1]), [[np.nan, 0, 0]]]))
  red, green, blue = tiny.LABELS
  names = ['a', 'b', 'c', 'd\n', 'e', 'f']
  assert found.found(names) == [
    Mistake('d\\n', red, green, pytest.approx(0.7), pytest.approx(0.2)),
    Mistake('b', green, red, pytest.approx(0.6), pytest.approx(0.3)),
    Mistake('f', blue, '', None, None),
  ]
  assert [each.picture for each in found.found(names, are_shares=False)] == ['b', 'd\\n', 'f']
  assert all(each.score is each.of_truth is None for each in found.found(names, are_shares=False))
  assert found.result()['top1'] == 0.5 and found.per_class()[red]['top1'] == 0.5 and found.confusion()[green] == {red: 1, green: 1}


def test_what_is_written_is_read_again_and_what_is_none_is_nothing(tmp_path):
  mistakes = [Mistake('x/"a, b".jpg', 'ant', 'bee', 0.75, 0.125), Mistake('y', 'bee', '', None, None)]
  write(tmp_path / 'wrong.csv', mistakes)
  assert (tmp_path / 'wrong.csv').read_text().splitlines() == [
    'picture,truth,answer,score,score_of_truth',
    '"x/""a, b"".jpg",ant,bee,0.750000,0.125000',
    'y,bee,,,',
  ]
  assert read(tmp_path / 'wrong.csv') == mistakes and read(tmp_path / 'none.csv') == []
  for text in (
    'a,b\n1,2\n',
    'picture,truth,answer,score,score_of_truth\nx,y,z,high,1\n',
    'picture,truth,answer,score,score_of_truth\nx,y\n',
  ):
    (tmp_path / 'bad.csv').write_text(text)
    assert all(isinstance(each, Mistake) and each.score is None for each in read(tmp_path / 'bad.csv'))


def test_pictures_without_names_have_numbers():
  task = tiny.task()
  assert names_of(task, ('validation', 'test'))[23:25] == ['validation 23', 'test 0']


@pytest.mark.parametrize(
  ('name', 'message'),
  [('wrong.txt', 'into a .csv file. Received: wrong.txt'), ('none/wrong.csv', 'Create none first'), ('.', 'a .csv file')],
)
def test_a_place_that_cannot_be_written_is_refused_first(tmp_path, monkeypatch, name, message):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(TaskError) as error:
    check_place(name)
  assert message in str(error.value)
  check_place('wrong.csv')
  (tmp_path / 'folder.csv').mkdir()
  with pytest.raises(TaskError, match='into a .csv file'):
    check_place('folder.csv')


def test_maps_have_no_wrong_pictures():
  with pytest.raises(TaskError, match=r'are of classification\. Received: x, which is segmentation'):
    Mistakes(types.SimpleNamespace(name='x', semantics={'kind': 'segmentation'}))
