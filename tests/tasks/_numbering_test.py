import numpy as np
import pytest

from st_tf.task import TaskError
from tasks._mask_files import NO_CLASS
from tasks._masks import IGNORED
from tasks._numbering import Numbering, fixed, numbering, void_numbers


def read(present, names='', void=None, of_voc=False):
  """(labels, their numbers, void numbers); a name is a letter."""
  found = numbering(set(present), list(names), void_numbers(void) if void is not None else None, of_voc, 'masks')
  return found.labels, found.numbers, set(found.void)


@pytest.mark.parametrize(
  ('present', 'names', 'labels', 'numbers', 'void'),
  [
    ([0, 1, 2], '', ('class 1', 'class 2'), (1, 2), {0}),
    ([1, 2], '', ('class 1', 'class 2'), (1, 2), {0}),
    ([0, 1, 3], '', ('class 1', 'class 2', 'class 3'), (1, 2, 3), {0}),
    ([0, 3], 'abc', ('a', 'b', 'c'), (1, 2, 3), {0}),
    ([1, 2], 'abcd', ('a', 'b', 'c', 'd'), (1, 2, 3, 4), {0}),
    # Two numbers.
    ([0, 1], '', ('background', 'class 1'), (0, 1), set()),
    ([0, 255], '', ('background', 'class 255'), (0, 255), set()),
    ([0, 7], '', ('background', 'class 7'), (0, 7), set()),
    ([0, 65535], 'a', ('background', 'a'), (0, 65535), set()),
    ([0, 1], 'a', ('background', 'a'), (0, 1), set()),
    ([0, 1], 'ab', ('a', 'b'), (0, 1), set()),
    ([0, 255], 'ab', ('a', 'b'), (0, 255), set()),
    # 255 is void.
    ([0, 1, 255], '', ('background', 'class 1'), (0, 1), {255}),
    ([0, 1, 255], 'a', ('background', 'a'), (0, 1), {255}),
    ([0, 1, 255], 'ab', ('a', 'b'), (0, 1), {255}),
    ([0, 1, 2, 255], 'abcd', ('a', 'b', 'c', 'd'), (0, 1, 2, 3), {255}),
    ([0, 2, 255], 'abc', ('a', 'b', 'c'), (0, 1, 2), {255}),
    ([0, 15, 255], '', ('background', 'class 15'), (0, 15), {255}),
    ([0, 3, 15, 255], '', ('background', 'class 3', 'class 15'), (0, 3, 15), {255}),
    ([1, 2, 255], '', ('class 1', 'class 2'), (1, 2), {255}),
    ([1, 2, 255], 'abc', ('a', 'b', 'c'), (1, 2, 3), {255}),
    ([0, 1, 2, 255], 'ab', ('a', 'b'), (1, 2), {0, 255}),
  ],
)
def test_numbers_tell_what_they_are_where_nobody_says(present, names, labels, numbers, void):
  assert read(present, names) == (labels, numbers, void)


@pytest.mark.parametrize(
  ('present', 'names', 'labels'),
  [
    ([0, 1, 2, 255], 'ab', ('background', 'a', 'b')),
    ([0, 1, 2], '', ('background', 'class 1', 'class 2')),
    ([0, 3, 40, 255], '', ('background', 'class 3', 'class 40')),
  ],
)
def test_with_vocs_colours_0_is_the_background(present, names, labels):
  assert read(present, names, of_voc=True)[0] == labels


def test_first_names_tell_where_they_count_from():
  def named(present, *names):
    found = numbering(set(present), names, None, False, 'masks')
    return found.labels, found.numbers, set(found.void)

  assert named([0, 1, 2], 'Background', 'a', 'b') == (('Background', 'a', 'b'), (0, 1, 2), set())
  assert named([0, 1], 'background', 'a', 'b') == (('background', 'a', 'b'), (0, 1, 2), set())
  assert named([0, 1], 'void', 'a', 'b') == (('a', 'b'), (1, 2), {0})
  assert named([0, 1, 2], 'void', 'a', 'b') == (('a', 'b'), (1, 2), {0})
  assert named([0, 1, 2, 3], 'background', 'a', 'b') == (('background', 'a', 'b'), (1, 2, 3), {0})
  assert named([0, 1, 2, 255], '_background_', 'a', 'b') == (('_background_', 'a', 'b'), (0, 1, 2), {255})


@pytest.mark.parametrize(
  ('void', 'present', 'names', 'labels', 'numbers'),
  [
    ('none', [0, 1, 2], 'abc', ('a', 'b', 'c'), (0, 1, 2)),
    ('none', [0, 1, 2], 'ab', ('background', 'a', 'b'), (0, 1, 2)),
    ('none', [0, 128, 255], '', ('background', 'class 128', 'class 255'), (0, 128, 255)),
    ('255', [0, 128, 255], '', ('background', 'class 128'), (0, 128)),
    ('none', [0, 1, 2], 'abcd', ('a', 'b', 'c', 'd'), (0, 1, 2, 3)),
    ('0', [0, 1, 2], 'abcd', ('a', 'b', 'c', 'd'), (1, 2, 3, 4)),
    ('0', [0, 1, 2], 'abc', ('a', 'b', 'c'), (1, 2, 3)),
    ('0, 2', [0, 1, 2, 3], 'abc', ('a', 'c'), (1, 3)),
    ('2', [0, 1, 2], 'abc', ('a', 'b'), (0, 1)),
    ('2', [0, 1, 2], '', ('background', 'class 1'), (0, 1)),
    ('255', [1, 2, 255], 'ab', ('a', 'b'), (1, 2)),
  ],
)
def test_what_is_void_can_be_said(void, present, names, labels, numbers):
  assert read(present, names, void)[:2] == (labels, numbers)


@pytest.mark.parametrize(
  ('present', 'names', 'message'),
  [
    ([0, 1, 2], 'abc', r'3 names are those of the numbers 0 to 2, or of 1 to 3\. Received: 0, 1, 2 in masks\. Say --void=none where 0 is'),
    ([0, 1, 2], 'abcd', r'4 names are those of the numbers 0 to 3, or of 1 to 4\. Received: 0, 1, 2 in masks\. Say --void=none where 0 is'),
    ([0, 2], 'abc', r'Received: 0, 2 in masks\. Say --void=none where 0 is'),
    ([0, 1], 'abc', r'Received: 0, 1 in masks\. Say --void=none where 0 is'),
    ([0, 128, 255], '', r'without large gaps\. Received: 0, 128, 255 in masks\. Name the classes'),
    ([0, 50, 100], '', r'without large gaps\. Received: 50, 100 in masks'),
    (range(256), '', r'without large gaps\. Received: 0, 1, 2, 3, \.\.\., 254 in masks\. .*saved as JPEG'),
    ([0], '', r'Masks have pixels of classes\. Received: 0 alone, which is void, in masks'),
    ([255], 'ab', r'Received: 255 alone'),
  ],
)
def test_what_can_be_read_in_several_ways_is_refused(present, names, message):
  with pytest.raises(TaskError, match=message):
    read(present, names)


@pytest.mark.parametrize('text', ['-1', 'zero', '0,,1', '70000', '0;255', 'None'])
def test_void_is_numbers_or_none(text):
  with pytest.raises(TaskError, match=r'--void is numbers in masks .* Received: .* Write for example --void=0,255'):
    void_numbers(text)
  assert void_numbers('') is None and void_numbers('none') == frozenset() and void_numbers(' 0, 255') == {0, 255}


def test_numbers_become_classes():
  found = Numbering(('a', 'b'), (0, 3), frozenset({4}))
  np.testing.assert_array_equal(found.classes, [0, NO_CLASS, NO_CLASS, 1, IGNORED])
  assert found.rule == 'A mask has 4 (void) and the numbers of the 2 classes, 0, 3.'
  assert fixed(['a', 'b']).rule == 'A mask has 0 (void) and the numbers of the 2 classes, from 1.'


def test_notes_say_what_the_numbers_are():
  found = Numbering(('a', 'b', 'c'), (0, 1, 2), frozenset({255}))
  counts = {0: 990, 1: 5, 255: 5}
  assert found.notes('x', counts, guessed=True) == [
    "x: in the masks 0 is 'a', ..., 2 is 'c'; 255 is void, under 1% of the pixels, from which nothing is learned (--void says otherwise)",
    "x: no mask has 2 'c'",
  ]
  assert found.notes('x', {0: 1, 1: 1, 2: 1}, guessed=False) == ["x: in the masks 0 is 'a', ..., 2 is 'c'; none is void"]
