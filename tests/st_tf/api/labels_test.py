"""Which output is which label, by name."""

import pytest

from st_tf.api.labels import LabelsError, order, parse, read

PETS = ('cat', 'dog', 'eel')


@pytest.mark.parametrize('text', [b'cat\ndog', b'cat\r\ndog\r\n', b'\xef\xbb\xbfcat\rdog\r\r', b' cat \n dog\n\n'])
def test_lines_are_read_however_they_end(text):
  assert parse(text, 'x') == ['cat', 'dog']


@pytest.mark.parametrize(('text', 'message'), [(b'\xff\xfe', 'Labels are text in UTF-8'), (b'\n\n', 'which is empty')])
def test_what_names_nothing_is_refused(text, message):
  with pytest.raises(LabelsError, match=message):
    parse(text, 'x')


def test_a_missing_file_is_named():
  for path in ('gone.txt', 'a\0b', '.'):
    with pytest.raises(LabelsError, match="--labels is a text file with a label per line, or 'task'"):
      read(path)


@pytest.mark.parametrize(
  ('labels', 'places'),
  [
    (PETS, [0, 1, 2]),
    (('eel', 'cat', 'dog'), [1, 2, 0]),
    (('Eel', 'CAT', 'dog '), [1, 2, 0]),
    (('2 eel', '0 cat', '1 dog'), [0, 1, 2]),
    (('1,eel', '2,cat', '3,dog'), [1, 2, 0]),
    (('???', 'dog', 'cat', 'eel'), [2, 1, 3]),
    (('eel', 'dog', 'cat', '__background__'), [2, 1, 0]),
  ],
)
def test_names_say_which_output_it_is(labels, places):
  assert order(labels, PETS, 'x')[0] == places


def test_numbers_that_belong_to_names_stay():
  doors = ('2 doors', '4 doors')
  assert order(('4 doors', '2 doors'), doors, 'x')[0] == [1, 0]
  assert order(('0 2 doors', '1 4 doors'), doors, 'x')[0] == [0, 1]


def test_numbers_that_no_list_has_belong_to_names():
  names = ['1' * 5000 + ' a', '2' * 5000 + ' b']
  assert order(names[::-1], names, 'x')[0] == [1, 0]
  with pytest.raises(LabelsError, match='The labels of a file are those of its task'):
    order(names, ('a', 'b'), 'x')


def test_unicode_forms_and_separators_do_not_matter():
  assert order(('fu\u0308r', 'white_shark'), ('white shark', 'f\u00fcr'), 'x')[0] == [1, 0]


def test_names_that_differ_in_case_alone_are_two():
  assert order(('a', 'A'), ('A', 'a'), 'x')[0] == [1, 0]
  with pytest.raises(LabelsError):
    order(('a', 'b'), ('A', 'a'), 'x')


def test_the_same_list_is_in_order_even_where_a_name_comes_twice():
  assert order(('crane', 'crane'), ('crane', 'crane'), 'x')[0] == [0, 1]
  with pytest.raises(LabelsError, match="More than once in the file: 'cat'"):
    order(('cat', 'cat', 'dog', 'eel'), PETS, 'x')


def test_the_difference_is_shown_and_not_all_of_it():
  with pytest.raises(LabelsError) as found:
    order([f'n{index}' for index in range(9)], PETS, 'names.txt')
  assert "Received: 9 in names.txt, 3 of the task. Only in the file: 'n0', 'n1', 'n2', 'n3', 'n4' and 4 more." in str(found.value)
  assert "Only in the task: 'cat', 'dog', 'eel'. Choose another --task" in str(found.value)
  with pytest.raises(LabelsError, match="Only in the file: 'cow'. Choose"):
    order((*PETS, 'cow'), PETS, 'x')
