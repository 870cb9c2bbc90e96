"""The colours that masks with a palette give their numbers: one number has one colour, whatever the mask."""

from collections.abc import Mapping, Sequence
import pathlib

import numpy as np

from st_tf.task import TaskError

Colour = tuple[int, ...]


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


def used(counts: np.ndarray, palette: Sequence[int] | None) -> dict[int, Colour]:
  """{number: (red, green, blue)} of the numbers that occur and have a colour.

  Args:
    counts: [numbers], how often each occurs.
    palette: red, green and blue of 0, 1, ... one after the other; None = no palette.
  """
  colours = np.asarray(palette or [], np.int64).reshape(-1, 3)
  return {number: tuple(colours[number].tolist()) for number in np.flatnonzero(counts[: len(colours)]).tolist()}
