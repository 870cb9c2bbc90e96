"""The colours of masks: what palettes give their numbers, and which numbers the colours of Pascal VOC stand for."""

from collections.abc import Iterable, Mapping, Sequence
import pathlib

import numpy as np

from st_tf.task import TaskError

Colour = tuple[int, ...]
PACKED = np.asarray([1 << 16, 1 << 8, 1])  # Of red, green and blue in one number.


def _voc() -> np.ndarray:
  """[256] packed colour of each number, as VOClabelcolormap in VOC's development kit has it.

  Bits 0, 3 and 6 of the number are the highest of red, 1, 4 and 7 of green, 2 and 5 of blue.
  """
  numbers = np.arange(256)
  colours = np.zeros((256, 3), np.int64)
  for bit in range(8):
    colours[:, bit % 3] |= (numbers >> bit & 1) << (7 - bit // 3)
  return colours @ PACKED


VOC = _voc()
_BY_COLOUR = np.argsort(VOC)


class Palettes:
  """The colour of every number in the masks that were added, and the first mask that showed it.

  A palette that was made for one picture (`convert('P', palette=ADAPTIVE)`) numbers colours as they come there: the same number is
  another class in the next mask, and nothing but the colours tells.
  """

  def __init__(self):
    """Starts without any mask."""
    self._known: dict[int, tuple[Colour, pathlib.Path]] = {}

  def add(self, mask: pathlib.Path, colours: Mapping[int, Colour]) -> None:
    """Compares a mask with those before it.

    Args:
      mask: its file.
      colours: as of `used`.

    Raises:
      TaskError: one of its numbers has had another colour.
    """
    for number, colour in colours.items():
      known, first = self._known.setdefault(number, (colour, mask))
      if known != colour:
        raise TaskError(
          f'Masks with a palette give each number one colour. Received: number {number} is {known} in {first} and {colour} in {mask}.'
          ' Save the numbers of the classes, not their colours, as 8-bit grey.'
        )


def used(numbers: Iterable[int], palette: Sequence[int] | None) -> dict[int, Colour]:
  """{number: (red, green, blue)} of the numbers that occur and have a colour.

  Args:
    numbers: that occur.
    palette: red, green and blue of 0, 1, ... one after the other; None = no palette.
  """
  colours = np.asarray(palette or [], np.int64).reshape(-1, 3)
  return {number: tuple(colours[number].tolist()) for number in numbers if number < len(colours)}


def is_voc(colours: Mapping[int, Colour]) -> bool:
  """Whether numbers have the colours of Pascal VOC; black alone, which is 0 everywhere, tells nothing."""
  return any(colours) and all(number < len(VOC) and VOC[number] == colour @ PACKED for number, colour in colours.items())


def is_grey(colour: int) -> bool:
  """Whether a packed colour is a shade of grey."""
  return len(set(unpacked(colour))) == 1


def unpacked(colour: int) -> Colour:
  """(red, green, blue)."""
  return colour >> 16, colour >> 8 & 255, colour & 255


def check_voc(masks: Iterable[tuple[pathlib.Path, Iterable[int]]]) -> None:
  """Refuses colours that are not Pascal VOC's.

  Args:
    masks: (file, packed colours in it).

  Raises:
    TaskError: there is one.
  """
  for mask, colours in masks:
    for colour in colours:
      if not (VOC == colour).any():
        raise TaskError(
          f'Colours in masks are those of Pascal VOC, which stand for numbers. Received: {unpacked(colour)} in {mask}. Write the number of'
          ' its class into each pixel, as 8-bit grey.'
        )


def numbers(colours: np.ndarray, of_voc: bool) -> np.ndarray:
  """The numbers that packed colours stand for, int64; -1 for those that stand for none.

  Args:
    colours: of any shape.
    of_voc: whether they are those of Pascal VOC; else they are shades of grey.
  """
  if not of_voc:
    return np.where(colours % 0x10101 == 0, colours & 255, -1)
  place = np.minimum(np.searchsorted(VOC, colours, sorter=_BY_COLOUR), len(VOC) - 1)
  return np.where(VOC[_BY_COLOUR[place]] == colours, _BY_COLOUR[place], -1)
