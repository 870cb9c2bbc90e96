"""A folder of pictures and masks in ADE20K's layout, for all tasks that have one.

PATH/images/{training,validation[,test]}/NAME.jpg go with PATH/annotations/{training,validation[,test]}/NAME.png. `_numbering` says
which of the numbers in these are classes, and which void (pixels that count for nothing).
"""

import codecs
from collections.abc import Set
import pathlib
import unicodedata

from st_tf.files import expanded
from st_tf.task import DataConfig, Task, TaskError, refuse
from st_tf.task.pictures import CONVERT_HEIC, HEIC_SUFFIXES, SUFFIXES, shown
from tasks import _mask_files, _numbering, _twins
from tasks._mask_files import Files, Pair
from tasks._picture_folders import PassedOver, count, entries
from tasks._picture_folders import folders as folders_in
from tasks._picture_folders import pictures as pictures_in
from tasks._segmentation import SegmentationTask
from tasks._sizes import shape
from tasks._splits import split_of

_WHOLE = 512  # Longest side in pixels of pictures that are read as a whole, where all have one size.
_WINDOW = (256, 256)
_ADE_NAMES = 'objectInfo150.txt'
_NAMES = 'classes.txt'
_MOST_SHOWN = 6
_MARKS = {codecs.BOM_UTF8: 'utf-8-sig', codecs.BOM_UTF16_LE: 'utf-16', codecs.BOM_UTF16_BE: 'utf-16'}  # What text files may begin with.


def load(root: pathlib.Path, name: str, config: DataConfig, classes: int = 0) -> Task:
  """The pictures and masks in a folder.

  Every mask and every picture is read once, so that a bad one is found before training. Pictures of one size up to 512 pixels are read
  as a whole, others in windows of 256x256; `--image_size` (and `--image_width`) set other windows.

  Args:
    root: the folder.
    name: of the task.
    config: how the data is prepared.
    classes: how many there must be, numbered from 1; 0 = as many as have a name, or else as are found.

  Raises:
    TaskError: no such folder, a picture without a mask or the other way round, sizes that differ, a number that is no class, void alone.
  """
  if not root.is_dir():
    raise TaskError(f'--task={name} reads a folder that exists. Received: {root}, which is {root.absolute()}. Correct the path.')
  void = _numbering.void_numbers(config.void)
  if classes:
    refuse(config, ('void',), name)
  names, source = _named(root, config)
  _check_names(names, source, classes)
  folders = _split_folders(root)
  passed = PassedOver(root)
  for side in ('images', 'annotations'):
    passed.add_loose(root / side, 'in no split')
  pairs = {split: _pairs(root, folder, passed) for split, folder in folders.items()}
  survey = _mask_files.survey(pairs)
  counts, masks = survey.counts, str(root / 'annotations')
  if void is None and (classes or source.casefold() == str(root / _ADE_NAMES).casefold()):
    numbering = _numbering.fixed(names or [f'class {number}' for number in range(1, classes + 1)])
  else:
    numbering = _numbering.numbering(counts.keys(), names, void, survey.of_voc, masks)
  splits = survey.files(numbering.classes, numbering.rule)
  notes = [*numbering.notes(name, counts, guessed=void is None and not classes), *passed.notes(name)]
  notes += _twins.notes(name, {split: [(picture, 0) for picture, _ in part] for split, part in pairs.items()})
  own = _default_shape(splits)
  task = SegmentationTask(name, numbering.labels, splits, config, shape=shape(config, own), notes=notes)
  if own == _WINDOW:
    task.picture_sizes = tuple(splits['train'].size(index) for index in range(len(splits['train'])))
  return task


def _default_shape(splits: dict[str, Files]) -> tuple[int, int]:
  sizes = {files.size(index) for files in splits.values() for index in range(len(files))}
  return next(iter(sizes)) if len(sizes) == 1 and max(next(iter(sizes))) <= _WHOLE else _WINDOW


def _split_folders(root: pathlib.Path) -> dict[str, str]:
  """{split: name of its folders}."""
  images, masks = sides = root / 'images', root / 'annotations'
  if not images.is_dir() or not masks.is_dir():
    there = ', '.join(shown(folder.name) for folder in folders_in(root)[:_MOST_SHOWN])
    way_out = f'which holds {there}. Rename or move these' if there else 'without them. Add them'
    rule = 'The folder holds images/ and annotations/, each with training/ and validation/.'
    raise TaskError(f'{rule} Received: {root}, {way_out}.')
  folders = {}
  for folder in sorted({entry.name for side in sides for entry in folders_in(side)}):
    there, other = (images, masks) if (images / folder).is_dir() else (masks, images)
    split = split_of(folder)
    if split is None or split in folders:
      raise TaskError(f'The splits are training, validation and test. Received: {there / folder}. Rename or remove it.')
    if not (other / folder).is_dir():
      raise TaskError(
        f'A split is a folder in images/ and one in annotations/. Received: {there / folder} without {other / folder}. Add or remove it.'
      )
    folders[split] = folder
  if 'train' not in folders:
    loose = count(images)
    there = f', but with {loose:,} pictures in no split. Move them into' if loose else '. Add'
    raise TaskError(f'There is a training split. Received: {images} without training/{there} training/ and validation/.')
  return folders


def _pairs(root: pathlib.Path, folder: str, passed: PassedOver) -> list[Pair]:
  """The pictures of a split, each with its mask, in a fixed order."""
  images, masks = root / 'images' / folder, root / 'annotations' / folder
  pictures = _by_name(images, SUFFIXES, 'images', passed)
  if not pictures:
    there = f', but {passed.of(images)}' if passed.of(images) else ''
    rule = 'A split has at least one example.'
    raise TaskError(f'{rule} Received: no images ({", ".join(SUFFIXES)}) in {images}{there}. Add some or remove it.')
  mask_files = _by_name(masks, _mask_files.SUFFIXES, 'masks', passed)
  for stem in sorted(pictures.keys() ^ mask_files.keys()):
    lossy = _others(masks).get(stem)
    if lossy and lossy.suffix.lower() in _mask_files.LOSSY_SUFFIXES:
      raise TaskError(f'{_mask_files.RULE} Received: {lossy}, whose format does not keep numbers. Export the masks again, as PNG.')
    other = _others(images).get(stem)
    if stem in mask_files and other:
      way_out = CONVERT_HEIC if other.suffix.lower() in HEIC_SUFFIXES else 'Convert it to PNG or JPEG.'
      raise TaskError(f'Images are {", ".join(SUFFIXES)} files. Received: {other}, whose mask is {mask_files[stem]}. {way_out}')
    missing, there = (masks / f'{stem}.png', pictures[stem]) if stem in pictures else (images / stem, mask_files[stem])
    raise TaskError(
      f'Every image has a mask of the same name, and every mask an image. Received: {there} without {missing}. Add it, or remove the'
      f' other.{_hint(stem, mask_files.keys() - pictures.keys() if stem in pictures else pictures.keys() - mask_files.keys())}'
    )
  return [(path, mask_files[stem]) for stem, path in pictures.items()]


def _hint(stem: str, others: Set[str]) -> str:
  """What may be meant among names without a partner: one in other letter cases, or one that says more, such as 7_mask of 7."""
  small = stem.casefold()
  near = [other for other in sorted(others) if other.casefold().startswith(small) or small.startswith(other.casefold())]
  return f' Is {shown(near[0])} its name on the other side? Give both one name.' if near else ''


def _by_name(folder: pathlib.Path, suffixes: tuple[str, ...], what: str, passed: PassedOver) -> dict[str, pathlib.Path]:
  """{name without its ending, in one form of Unicode: the file}, in a fixed order."""
  found: dict[str, pathlib.Path] = {}
  for path in pictures_in(folder, passed, suffixes):
    stem = unicodedata.normalize('NFC', path.stem)
    if found.setdefault(stem, path) != path:
      raise TaskError(f'No two {what} of a split have one name. Received: {found[stem]} and {path}. Rename or remove one.')
  return found


def _others(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  """{name without its ending, in one form of Unicode: a file}, of whatever kind."""
  paths = (folder / entry.name for entry in entries(folder))
  return {unicodedata.normalize('NFC', path.stem): path for path in paths}


def _check_names(names: list[str], source: str, classes: int) -> None:
  if '' in names:
    raise TaskError(f'A class has a name that is not empty. Received: none for number {names.index("") + 1} in {source}. Name it.')
  repeated = sorted({name for name in names if names.count(name) > 1})
  if repeated or names and classes not in (0, len(names)):
    wanted = f'{classes} classes have' if classes else 'Classes have'
    raise TaskError(f'{wanted} a name each, no two alike. Received: {len(names)} names, {repeated[:3]} repeated, in {source}. Correct it.')


def _named(root: pathlib.Path, config: DataConfig) -> tuple[list[str], str]:
  """(names, where they come from); no names where nothing gives any."""
  given = expanded(config.class_names)
  if config.class_names and ',' in config.class_names:
    return [name.strip() for name in config.class_names.split(',')], '--class_names'
  if config.class_names:
    return _lines(given), str(given)
  there = {entry.name.casefold(): root / entry.name for entry in entries(root) if entry.is_file()}
  if _ADE_NAMES.casefold() in there:
    path = there[_ADE_NAMES.casefold()]
    # Columns: number, ratio, train, val, synonyms; the first synonym is the name.
    rows = [line.split('\t')[-1].split(',')[0].strip() for line in _lines(path)]
    return rows[1:], str(path)
  path = there.get(_NAMES)
  return (_lines(path), str(path)) if path else ([], '')


def _lines(path: pathlib.Path) -> list[str]:
  """The lines of a text file, without the empty ones at its end."""
  rule = 'Names of classes are a text file in UTF-8, one per line.'
  try:
    data = path.read_bytes()
    encoding = next((encoding for mark, encoding in _MARKS.items() if data.startswith(mark)), 'utf-8')
    text = data.decode(encoding)
  except (OSError, UnicodeDecodeError) as error:
    raise TaskError(f'{rule} Received: {path} ({error}). Correct --class_names, or save the file as UTF-8.') from error
  lines = [line.strip() for line in text.replace('\r\n', '\n').replace('\r', '\n').rstrip().split('\n')]
  if not text.strip() or '\0' in text:
    raise TaskError(f'{rule} Received: {path}, {"which is empty" if not text.strip() else "in another encoding"}. Write it anew.')
  return lines
