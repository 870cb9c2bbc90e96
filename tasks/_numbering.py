"""Which numbers in masks are which classes, and which are void: as somebody says, or as the numbers that occur tell."""

from collections.abc import Mapping, Sequence, Set
import dataclasses

import numpy as np

from st_tf.task import TaskError
from tasks._mask_files import NO_CLASS
from tasks._masks import IGNORED

_BACKGROUND = 'background'
_BACKGROUNDS = (_BACKGROUND, '_background_', '__background__', 'bg')
_VOIDS = ('void', '_void_', 'ignore', '_ignore_', '__ignore__', 'ignored', 'unlabeled', 'unlabelled')
_VOID = 255  # As Pascal VOC, Cityscapes' train ids and others have it.
_HIGHEST_OF_VOC = 20
_HIGHEST = 65535
_MOST_UNNAMED = 64  # Smoothing makes more numbers than that.


@dataclasses.dataclass(frozen=True)
class Numbering:
  """What the numbers in masks mean.

  Attributes:
    labels: names of the classes, in order.
    numbers: the number of each in masks.
    void: the numbers that count for nothing.
  """

  labels: tuple[str, ...]
  numbers: tuple[int, ...]
  void: frozenset[int]

  @property
  def classes(self) -> np.ndarray:
    """[numbers in masks] -> class, `IGNORED` or `NO_CLASS`, int32."""
    classes = np.full(max((*self.numbers, *self.void)) + 1, NO_CLASS, np.int32)
    classes[list(self.void)] = IGNORED
    classes[list(self.numbers)] = np.arange(len(self.numbers))
    return classes

  @property
  def rule(self) -> str:
    """Which numbers a mask may have, as a sentence."""
    void = f'{_listed(sorted(self.void))} (void) and ' if self.void else ''
    first, last = self.numbers[0], self.numbers[-1]
    where = f'from {first}' if last - first + 1 == len(self.numbers) else _listed(self.numbers)
    return f'A mask has {void}the numbers of the {len(self.labels)} classes, {where}.'

  def notes(self, name: str, counts: Mapping[int, int], guessed: bool) -> list[str]:
    """What should be known of it, a line each.

    Args:
      name: of the task.
      counts: {number: how many pixels have it}.
      guessed: whether nobody said which numbers are void.
    """
    ends = [f'{number} is {label!r}' for number, label in zip(self.numbers, self.labels)]
    void = sorted(number for number in self.void if counts.get(number))
    pixels = sum(counts[number] for number in void)
    share = f'{_listed(void)} is void, {_percent(pixels, sum(counts.values()))} of the pixels, from which nothing is learned'
    says = ' (--void says otherwise)' if guessed else ''
    notes = [f'{name}: in the masks {ends[0]}, {"..., " if len(ends) > 2 else ""}{ends[-1]}; {share if void else "none is void"}{says}']
    absent = [f'{number} {label!r}' for number, label in zip(self.numbers, self.labels) if not counts.get(number)]
    if absent:
      notes.append(f'{name}: no mask has {absent[0]}{f" and {len(absent) - 1} more classes" if len(absent) > 1 else ""}')
    return notes


def void_numbers(text: str) -> frozenset[int] | None:
  """What --void says: 'none', or numbers; None where it says nothing.

  Raises:
    TaskError: something else.
  """
  parts = [part.strip() for part in text.split(',')]
  if not text or parts == ['none']:
    return frozenset() if text else None
  if not all(part.isascii() and part.isdecimal() and int(part) <= _HIGHEST for part in parts):
    raise TaskError(f'--void is numbers in masks that count for nothing, or none. Received: {text!r:.60}. Write for example --void=0,255.')
  return frozenset(map(int, parts))


def fixed(labels: Sequence[str]) -> Numbering:
  """ADE20K's: 0 is void, 1, 2, ... are the classes."""
  return Numbering(tuple(labels), tuple(range(1, len(labels) + 1)), frozenset({0}))


def numbering(present: Set[int], names: Sequence[str], void: frozenset[int] | None, of_voc: bool, source: str) -> Numbering:
  """What the numbers mean that occur in masks.

  Where nobody says what is void, it is 0, and classes count from 1, but for these:

  - Two numbers of which one is 0 are two classes, since nothing could be learned from one.
  - 255 is void, and 0 a class, as Pascal VOC and Cityscapes' train ids have it; with names for all numbers from 1 on both are void.
  - Where the colours are Pascal VOC's, or the first name is that of a background, 0 is a class.
  - Where there are more names than numbers up to the highest, with 0, nothing says which name is the first number's.

  Args:
    present: the numbers.
    names: of the classes; none = they are counted.
    void: numbers that count for nothing; None = nobody says.
    of_voc: whether masks have Pascal VOC's colours.
    source: what messages call the masks.

  Raises:
    TaskError: several readings are as good.
  """
  told = void is not None
  void = void if told else _guessed(present, names, of_voc, source)
  kept = sorted(present - void)
  if not kept:
    raise TaskError(f'Masks have pixels of classes. Received: {_listed(sorted(present))} alone, which is void, in {source}. Say --void.')
  return _named(kept, names, void) if names else _counted(kept, void, told or of_voc or _VOID in void, source)


def _guessed(present: Set[int], names: Sequence[str], of_voc: bool, source: str) -> frozenset[int]:
  """The numbers that are void, where nobody says."""
  highest, count = max(present), len(names)
  if len(present) == 2 and 0 in present and (count < 2 or count == 2 and highest in (1, _VOID)):
    return frozenset()
  if highest == _VOID > count:
    others = present - {_VOID}
    if not names and not of_voc and 0 in others and _have_gaps(others) and max(others) > _HIGHEST_OF_VOC:
      raise _unclear(present, source)
    from_1 = count > 1 and not of_voc and max(others, default=0) == count and not _begins(names, _BACKGROUNDS)
    return frozenset({0, _VOID}) if from_1 or _begins(names, _VOIDS) else frozenset({_VOID})
  if 0 in present and (of_voc and not names or highest < count and _begins(names, _BACKGROUNDS)):
    return frozenset()
  if 0 in present and 0 < highest < count and not _begins(names, _VOIDS):
    raise TaskError(
      f'{count} names are those of the numbers 0 to {count - 1}, or of 1 to {count}. Received: {_listed(sorted(present))} in {source}. Say'
      f' --void=none where 0 is {names[0]!r}, or --void=0 where 1 is and 0 counts for nothing.'
    )
  return frozenset({0})


def _named(kept: Sequence[int], names: Sequence[str], void: frozenset[int]) -> Numbering:
  """A name for each number from 0 or from 1 on; those of void numbers are left out."""
  count, highest = len(names), kept[-1]
  if kept[0] == 0 and len(kept) == 2 and (count == 1 or count == 2 < highest):
    return Numbering((_BACKGROUND, *names)[-2:], tuple(kept), void)
  if 0 in void:
    first = 0 if _begins(names, _VOIDS) and highest < count else 1
  else:
    first = 1 if (highest == count or kept[0] > 0) and not _begins(names, _BACKGROUNDS) else 0
  if first == 1 and kept[0] == 0:
    names, first = (_BACKGROUND, *names), 0
  named = [(number, name) for number, name in enumerate(names, first) if number not in void]
  return Numbering(tuple(name for _, name in named), tuple(number for number, _ in named), void)


def _counted(kept: Sequence[int], void: frozenset[int], told: bool, source: str) -> Numbering:
  """All numbers up to the highest, or those that occur, where these are few of them or two."""
  two, gaps = kept[0] == 0 and len(kept) == 2, _have_gaps({0, *kept})
  if len(kept) > _MOST_UNNAMED or gaps and not (told or two):
    raise _unclear(set(kept), source)
  every = kept if gaps or two else [number for number in range(min(kept[0], 1), kept[-1] + 1) if number not in void]
  return Numbering(tuple(f'class {number}' if number else _BACKGROUND for number in every), tuple(every), void)


def _unclear(present: Set[int], source: str) -> TaskError:
  return TaskError(
    f'Numbers in masks have names, or count on from 0 or 1 without large gaps. Received: {_listed(sorted(present))} in {source}. Name the'
    ' classes by --class_names, or say by --void what is void: then the numbers that occur are classes. Masks that were scaled smoothly, or'
    ' saved as JPEG, have numbers in between: export them again.'
  )


def _have_gaps(numbers: Set[int]) -> bool:
  return 2 * len(numbers) < max(numbers) + 1


def _begins(names: Sequence[str], with_one_of: Sequence[str]) -> bool:
  return bool(names) and names[0].lower() in with_one_of


def _listed(numbers: Sequence[int]) -> str:
  shown = [str(number) for number in numbers]
  return ', '.join(shown if len(shown) <= 6 else [*shown[:4], '...', shown[-1]])


def _percent(part: int, whole: int) -> str:
  return f'{part / whole:.0%}' if 100 * part >= whole else 'under 1%'
