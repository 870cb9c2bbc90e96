import types

import pytest

from st_tf.api.image_size import suiting, taken


def task(sizes, kind='classification', own=(96, 96)):
  found = types.SimpleNamespace(image_size=own, picture_sizes=tuple(sizes), semantics={'kind': kind})
  found.resized = lambda size: types.SimpleNamespace(image_size=size)
  return found


@pytest.mark.parametrize(
  ('shorter', 'side', 'size', 'why'),
  [
    # A random crop of 35% of the area shows 0.592 of a side: 95 of 160 pixels, 133 of 224, 237 of 400.
    (160, 224, 96, 'pictures have 160 pixels (shorter side, the median), of which a random crop shows 95 or more'),
    (224, 224, 128, 'of which a random crop shows 133 or more; --image_size=96 takes 0.56 of the MACs'),
    (400, 224, 224, 'what lite was trained on, and pictures have 400 pixels'),
    (400, 240, 224, 'what lite was trained on'),
    (4000, 300, 288, 'what lite was trained on'),
    (32, 224, 96, 'pictures have 32 pixels (shorter side, the median), and lite needs some more to see anything'),
    (96, 224, 96, 'of which a random crop shows 57 or more'),
    (400, 32, 96, 'what lite was trained on'),
    (400, 0, 96, 'from scratch quick to train, and enough where things fill the picture; 160 or 224 see more, at 2.8 or 5.4 times'),
    (90, 0, 96, 'from scratch'),
    (64, 0, 64, 'about the size of the pictures, 64 pixels'),
    (28, 0, 32, 'about the size of the pictures, 28 pixels'),
    (5, 0, 32, 'about the size'),
  ],
)
def test_photographs_are_never_enlarged_beyond_need(shorter, side, size, why):
  sizes = [(shorter, shorter + 9), (shorter + 50, shorter), (9000, 9000), (1, 1), (shorter, shorter)]
  found, words = suiting(task(sizes), side, 'lite')
  assert found == (size, size) and why in words


@pytest.mark.parametrize(
  ('sizes', 'size'),
  [([(1000, 2000)] * 3, (256, 256)), ([(100, 600), (120, 700)], (96, 256)), ([(20, 30)], (32, 32)), ([(64, 128)] * 2, (64, 128))],
)
def test_windows_are_no_larger_than_the_pictures(sizes, size):
  found, words = suiting(task(sizes, 'segmentation', (256, 256)), 224, 'lite')
  assert found == size and words


def test_a_task_that_shows_its_pictures_at_one_size_keeps_it():
  assert suiting(task([], own=(40, 48)), 224, 'lite') == ((40, 48), '')


def test_a_size_is_a_setting_where_it_is_not_the_tasks_own():
  own = task([(64, 64)])
  assert taken(own, (96, 96), 'so') == (own, {}, 'image_size 96: so') and taken(own, (96, 96), '')[2] == ''
  found, settings, said = taken(own, (64, 64), 'so')
  assert (found.image_size, settings, said) == ((64, 64), {'image_size': (64, 'so')}, '')
  found, settings, said = taken(own, (64, 128), 'so')
  assert settings == {'image_size': (64, 'so'), 'image_width': (128, 'likewise')}
