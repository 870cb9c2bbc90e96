import pytest

from st_tf.task import TaskError
from tasks import _categories


def data(*categories, people=()):
  """A file of categories (number, name, joints) and of one annotation each of the numbers in `people`."""
  entries = [{'id': number, 'name': name, 'keypoints': joints} for number, name, joints in categories]
  return {'categories': entries, 'annotations': [{'category_id': number, 'keypoints': [1, 1, 2]} for number in people]}


DOG, PERSON, TREE = (9, 'dog', ['nose']), (1, 'person', ['head']), (4, 'tree', [])


def chosen(found, wanted='', like=''):
  category, notes = _categories.chosen(found, wanted, 'a.json', like)
  return category['id'], notes


def test_the_only_category_with_joints_is_learned():
  assert chosen(data(TREE, PERSON, people=[4, 1])) == (1, ())
  assert chosen({'categories': [{'id': 4}, {'id': 5, 'keypoints': None}, {'id': 1, 'keypoints': ['a']}], 'annotations': []})[0] == 1


def test_of_several_the_only_one_with_labelled_joints_or_that_of_the_other_file():
  assert chosen(data(DOG, PERSON, people=[1])) == (1, ())
  unlabelled = data(DOG, PERSON, people=[1])
  unlabelled['annotations'] += [{'category_id': 9, 'keypoints': [0, 0, 0]}, {'category_id': 9}, {'category_id': 9, 'keypoints': 'no'}, 5]
  assert chosen(unlabelled) == (1, ())
  assert chosen(data(DOG, PERSON, people=[1, 9]), like='dog')[0] == 9


@pytest.mark.parametrize('wanted', ['person', ' person', '1'])
def test_a_category_is_asked_for_by_name_or_number_and_the_others_are_counted(wanted):
  assert chosen(data(DOG, PERSON, people=[1, 9, 9]), wanted) == (1, ("a.json: 1 'person' is learned; left out are 2 of 9 'dog'",))


def test_annotations_of_no_category_are_counted():
  note = "a.json: 1 'person' is learned; left out are 1 of 9 'dog', 3 of a category that is not in the file (5, 7)"
  assert chosen(data(DOG, PERSON, TREE, people=[1, 7, 9, 5, 7, 4]), 'person') == (1, (note,))


def test_names_go_before_numbers_and_may_be_written_in_another_form_of_unicode():
  assert chosen(data((1, '2', ['a']), (2, '1', ['a'])), '2')[0] == 1
  assert chosen(data(DOG, (3, 'b\u00e9b\u00e9', ['a'])), 'be\u0301be\u0301')[0] == 3


@pytest.mark.parametrize(
  ('found', 'wanted', 'message'),
  [
    (
      data(DOG, PERSON, people=[9, 1, 1]),
      '',
      r"2 with joints in a\.json: 9 'dog' with 1, 1 'person' with 2 .* number: --category=person\.",
    ),
    (data(DOG, PERSON), '', r'One category is learned\. Received: 2 with joints'),
    (data(DOG, (2, 'dog', ['a']), people=[9, 2, 2]), '', r'number: --category=2\.'),
    (data((9, None, ['a']), (1, None, ['a'])), '', r'9 with 0, 1 with 0 annotations\. .*--category=9\.'),
    (data(DOG, PERSON), 'dgo', r"Received: 'dgo', of which a\.json has none\. It has 9 'dog', 1 'person'\. Did you mean dog\?"),
    (data(DOG, TREE), 'tree', r"Received: 'tree', of which a\.json has none\. It has 9 'dog'\."),
    (data(DOG, (2, 'dog', ['a'])), 'dog', r'has 2 categories of that name; say its number'),
    (data(TREE), '', r"'keypoints', the names of its joints\. Received: none in a\.json \(4 'tree'\)\. Add them"),
    (data(DOG, (9, 'cat', ['a'])), '', r"No two of the categories have the same 'id'\. Received: 9 twice in a\.json"),
  ],
)
def test_what_is_not_one_category_is_refused(found, wanted, message):
  with pytest.raises(TaskError, match=message):
    chosen(found, wanted)
