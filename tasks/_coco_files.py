"""Which annotation file of a folder in COCO's layout is of which split."""

import pathlib

from st_tf.task import SPLITS, TaskError
from st_tf.task.pictures import shown
from tasks._splits import split_of

PREFIX = 'person_keypoints_'
_BEGINNINGS = {'train': 'train', 'val': 'validation', 'test': 'test'}


def files(root: pathlib.Path) -> tuple[dict[str, pathlib.Path], tuple[str, ...]]:
  """({split: its annotation file}, notes on what else is there); 'train' is there, and one file beside it is the test.

  Args:
    root: holds annotations/person_keypoints_*.json.

  Raises:
    TaskError: no file of train, or two of one split.
  """
  found: dict[str, pathlib.Path] = {}
  others = []
  for path in sorted((root / 'annotations').glob('*')):
    split = _split(path)
    if split in found:
      name = f'{PREFIX}{next(begin for begin, each in _BEGINNINGS.items() if each == split)}*.json'
      raise TaskError(f'There is one annotation file {name}. Received: {found[split]}, {path}. Keep one of them there.')
    if split:
      found[split] = path
    elif path.suffix.lower() == '.json':
      others.append(shown(path.name))
  if 'train' not in found:
    there = f'which has none, but {", ".join(others[:3])}. Rename it' if others else 'which has none. Add it'
    raise TaskError(f'Annotations are a file annotations/{PREFIX}train*.json. Received: {root}, {there}.')
  notes = (f'{root}: not used: {", ".join(others)} in annotations',) if others else ()
  if 'test' not in found and 'validation' in found:
    found['test'] = found.pop('validation')
  return {split: found[split] for split in SPLITS if split in found}, notes


def pictures(path: pathlib.Path) -> pathlib.Path:
  """The folder with the pictures of an annotation file."""
  return path.parent.parent / path.stem[len(PREFIX) :]


def split_named(source: str) -> str:
  """The split that an annotation file is called by, '' of another."""
  return _split(pathlib.Path(source))


def _split(path: pathlib.Path) -> str:
  name = path.stem.casefold()
  if path.suffix.lower() != '.json' or not name.startswith(PREFIX):
    return ''
  part = name.removeprefix(PREFIX)
  return split_of(part) or next((split for begin, split in _BEGINNINGS.items() if part.startswith(begin)), '')
