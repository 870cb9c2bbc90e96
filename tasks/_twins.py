"""Pictures that are there more than once: in two splits their score says nothing of new pictures, under two labels they teach nothing."""

from collections.abc import Iterator, Mapping, Sequence
import hashlib
import os
import pathlib

from st_tf.task.pictures import shown

Labelled = tuple[pathlib.Path, int]


def notes(name: str, splits: Mapping[str, Sequence[Labelled]]) -> Iterator[str]:
  """What should be known of equal files, a line each.

  Args:
    name: of the task.
    splits: {split: [(file, what it is labelled as)]}; of pictures without labels one number for all.
  """
  scored, labels, drawn = [], [], []
  for group in _equal([(split, *each) for split, part in splits.items() for each in part]):
    if len({label for _, _, label in group}) > 1:
      labels.append(group)
    if len({split for split, _, _ in group}) > 1:
      scored.append(group)
    elif len(splits) == 1:
      drawn.append(group)
  for groups, what in (
    (scored, 'in two splits, so that scores tell less of new pictures'),
    (labels, 'under two labels'),
    (drawn, 'more than once, and may be drawn into two splits'),
  ):
    if groups:
      (_, first, _), (_, second, _), *_ = sorted(groups[0], key=lambda entry: entry[0] != 'train')
      are = '1 picture is' if len(groups) == 1 else f'{len(groups):,} pictures are'
      yield f'{name}: {are} there {what}, such as {shown(first)}, which is {shown(second)}'


def _equal(files: Sequence[tuple[str, pathlib.Path, int]]) -> list[list[tuple[str, pathlib.Path, int]]]:
  """Those whose contents are equal byte for byte, together; of equal sizes alone are contents read."""
  sizes: dict[int, list] = {}
  for entry in files:
    sizes.setdefault(os.path.getsize(entry[1]), []).append(entry)
  contents: dict[bytes, list] = {}
  for entry in (entry for group in sizes.values() if len(group) > 1 for entry in group):
    contents.setdefault(hashlib.blake2b(entry[1].read_bytes()).digest(), []).append(entry)
  return [group for group in contents.values() if len(group) > 1]
