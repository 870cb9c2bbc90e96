"""How convolutions are padded, by numbers, and what is said of it."""

import pytest

from tflite.file.one_sided import Padding


@pytest.mark.parametrize(
  'kernel, stride, size, before, by_same, pads',
  [
    (3, 2, (8, 8), (0, 0, 0, 0), True, (0, 1, 0, 1)),
    (3, 2, (8, 8), (0, 1, 0, 1), False, (0, 1, 0, 1)),
    (5, 2, (8, 9), (0, 0, 0, 0), True, (1, 2, 2, 2)),
    (3, 1, (8, 8), (0, 0, 0, 0), True, (1, 1, 1, 1)),
    (3, 2, (8, 8), (1, 0, 1, 0), True, (2, 1, 2, 1)),
    (3, 2, (8, 8), (0, 0, 0, 0), False, (0, 0, 0, 0)),
  ],
)
def test_what_same_and_a_padding_before_it_add(kernel, stride, size, before, by_same, pads):
  assert Padding.of((kernel,) * 2, (stride,) * 2, size, before, by_same).pads == pads


def test_the_same_on_all_sides_counts_by_strided_convolutions_only_where_it_is_explicit():
  assert Padding((3, 3), (2, 2), (8, 8), (1, 1, 1, 1), False).is_even(1)
  assert Padding((3, 3), (1, 1), (8, 8), (1, 1, 1, 1), True).is_even(1)
  assert not Padding((3, 3), (2, 2), (9, 9), (1, 1, 1, 1), True).is_even(1)
  assert not Padding((3, 3), (2, 2), (8, 8), (0, 1, 0, 1), False).is_even(1)
  assert not Padding((5, 5), (2, 2), (8, 8), (1, 1, 1, 1), False).is_even(2)


@pytest.mark.parametrize(
  'kernel, pads, depthwise, named, unnamed',
  [
    (3, (0, 1, 0, 1), True, 'pad 1 on every side (ZeroPadding2D(1), then VALID) and train it further', 'multiple of 32'),
    (3, (0, 1, 0, 1), True, 'corner of a 5x5 one that is padded by 2, which changes nothing (--padding=exact); odd image sizes', ''),
    (5, (1, 2, 1, 2), True, 'pad 2 on every side', 'corner'),
    (3, (0, 1, 0, 1), False, '--supernet=keras:FILE does; odd image sizes do not help', 'corner'),
    (3, (1, 1, 1, 1), True, 'multiple of 32, and ZeroPadding2D(1), then VALID', 'train'),
  ],
)
def test_what_to_do(kernel, pads, depthwise, named, unnamed):
  change = Padding((kernel,) * 2, (2, 2), (8, 8), pads, True).change(depthwise)
  assert named in change and (not unnamed or unnamed not in change)


def test_it_is_told_with_its_sides():
  assert str(Padding((3, 3), (2, 2), (8, 6), (0, 1, 0, 1), True)) == '3x3 at 8x6: 0 above, 1 below, 0 left, 1 right by SAME'
