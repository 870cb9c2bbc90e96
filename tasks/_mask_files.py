"""Masks in files: the number that each pixel has, and what is seen in them all before anything is learned."""

from collections import Counter
from collections.abc import Mapping, Sequence
import dataclasses
import pathlib

import numpy as np
from PIL import Image

from st_tf.task import TaskError
from st_tf.task.pictures import LARGEST, decodable, formats, open_rgb
from tasks import _palettes, _picture_folders
from tasks._masks import IGNORED, MaskedImages, Shape

NO_CLASS = -2  # Of a number that is neither a class nor void.
SUFFIXES = ('.png', '.bmp', '.tif', '.tiff')  # Of files that keep numbers as they are.
LOSSY_SUFFIXES = ('.jpg', '.jpeg', '.jpe', '.jfif', '.webp', '.avif', '.jp2', '.gif')
RULE = 'A mask is a picture with one whole number per pixel (8 or 16 bits of grey, or a palette).'
_FORMATS = ('PNG', 'BMP', 'DIB', 'TIFF')
_FEW = 1 << 16  # Numbers that are counted in one pass; those of classes are below, as in 16 bits, and tables of them small.
_LOSSY_TIFFS = ('jpeg', 'tiff_jpeg')
_GREYS = ('1', 'L', 'P', 'I', 'I;16', 'I;16B', 'I;16L')
_OPAQUE = {'LA': 'L', 'PA': 'P', 'RGBA': 'RGB'}
_PACKED_GREYS = {'L;2': 85, 'L;4': 17}  # What Pillow multiplies the numbers of fewer than 8 bits by.

Pair = tuple[pathlib.Path, pathlib.Path]


@dataclasses.dataclass(frozen=True)
class Mask:
  """What a mask's file holds.

  Attributes:
    numbers: [height, width] whole numbers; where they are colours, red * 65,536 + green * 256 + blue.
    are_colours: whether they are.
    palette: red, green and blue of 0, 1, ... one after the other, where there is a palette.
  """

  numbers: np.ndarray
  are_colours: bool = False
  palette: Sequence[int] | None = None


@dataclasses.dataclass(frozen=True)
class Seen:
  """What a mask shows, and how large it is.

  Attributes:
    size: (height, width) in pixels, of the picture too.
    counts: {number: how many pixels have it}.
    are_colours: whether the file holds colours.
    palette: {number: colour} of the numbers that occur, where there is a palette.
  """

  size: Shape
  counts: Mapping[int, int]
  are_colours: bool = False
  palette: Mapping[int, _palettes.Colour] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Files(MaskedImages):
  """Pictures and masks in files.

  Attributes:
    pairs: (picture, mask) files.
    seen: what each mask shows.
    classes: [numbers in a mask] -> class, `IGNORED` or `NO_CLASS`, int32.
    of_voc: whether masks that hold colours have those of Pascal VOC.
  """

  pairs: Sequence[Pair]
  seen: Sequence[Seen]
  classes: np.ndarray
  of_voc: bool = False

  def __len__(self) -> int:
    return len(self.pairs)

  def read(self, index: int) -> tuple[Image.Image, np.ndarray]:
    """As `MaskedImages.read`.

    Raises:
      TaskError: a file cannot be read, or is another one than at the start.
    """
    source, labels = self.pairs[index]
    picture, mask = open_rgb(source, str(source)), read_mask(labels)
    numbers = _palettes.numbers(mask.numbers, self.of_voc) if mask.are_colours else mask.numbers
    known = numbers.shape == self.seen[index].size and numbers.min(initial=0) >= 0 and numbers.max(initial=0) < len(self.classes)
    found = self.classes[numbers] if known else np.full(numbers.shape, NO_CLASS)
    if (picture.height, picture.width) != numbers.shape or (found == NO_CLASS).any():
      raise TaskError(f'Masks and pictures stay as they are while they are used. Received: another {labels} or {source} than at the start.')
    return picture, found

  def size(self, index: int) -> Shape:
    """As `MaskedImages.size`, as it was seen at the start."""
    return self.seen[index].size

  def shown(self, classes: int) -> np.ndarray:
    """As `MaskedImages.shown`, as it was seen at the start."""
    found = np.zeros((len(self.pairs), classes), bool)
    for row, seen in zip(found, self.seen):
      kinds = self.classes[list(seen.counts)]
      row[kinds[kinds >= 0]] = True
    return found

  def take(self, indices: np.ndarray) -> 'Files':
    """As `MaskedImages.take`."""
    return dataclasses.replace(self, pairs=[self.pairs[i] for i in indices], seen=[self.seen[i] for i in indices])


@dataclasses.dataclass(frozen=True)
class Survey:
  """What all masks of a source show.

  Attributes:
    pairs: {split: (picture, mask) files}.
    seen: {split: what each of its masks shows}.
    of_voc: whether all their colours are those that Pascal VOC gives their numbers.
  """

  pairs: Mapping[str, Sequence[Pair]]
  seen: Mapping[str, Sequence[Seen]]
  of_voc: bool

  @property
  def counts(self) -> Counter:
    """{number: how many pixels have it}, in all masks."""
    return sum((Counter(seen.counts) for split in self.seen.values() for seen in split), Counter())

  def first(self, number: int) -> pathlib.Path:
    """A mask that has the number."""
    return next(pair[1] for split, pairs in self.pairs.items() for pair, seen in zip(pairs, self.seen[split]) if number in seen.counts)

  def files(self, classes: np.ndarray, outside: str) -> dict[str, Files]:
    """The splits.

    Args:
      classes: as of `Files`.
      outside: what is said of a number that is no class.

    Raises:
      TaskError: a mask has such a number, or all masks of a split are void alone.
    """
    for number in sorted(self.counts, reverse=True):
      if number >= len(classes) or classes[number] == NO_CLASS:
        raise TaskError(f'{outside} Received: {number} in {self.first(number)}. Correct the mask or the list of classes.')
    splits = {}
    for split, pairs in self.pairs.items():
      if all(classes[number] == IGNORED for seen in self.seen[split] for number in seen.counts):
        raise TaskError(
          f'The masks of a split have pixels of classes. Received: {len(pairs)} masks that are all void, such as those in'
          f' {pairs[0][1].parent}. Export them again.'
        )
      splits[split] = Files(pairs, self.seen[split], classes, self.of_voc)
    return splits


def survey(pairs: Mapping[str, Sequence[Pair]]) -> Survey:
  """Reads every mask and every picture.

  Args:
    pairs: {split: (picture, mask) files}.

  Raises:
    TaskError: a file is bad, sizes differ, palettes contradict each other, or colours are not those of Pascal VOC.
  """
  palettes, seen = _palettes.Palettes(), {}
  for split, files in pairs.items():
    seen[split] = _picture_folders.each(_look, files, named=lambda pair: pair[1])
    for (_, labels), found in zip(files, seen[split]):
      palettes.add(labels, found.palette)
  every = [(labels, found) for split, files in pairs.items() for (_, labels), found in zip(files, seen[split])]
  coloured = [(labels, found.counts) for labels, found in every if found.are_colours]
  # Shades of grey alone are numbers, saved as colours.
  of_voc = any(not _palettes.is_grey(colour) for _, counts in coloured for colour in counts)
  if of_voc:
    _palettes.check_voc(coloured)
  seen = {split: [_numbered(found, of_voc) for found in part] for split, part in seen.items()}
  by_palette = {number: colour for _, found in every for number, colour in found.palette.items()}
  return Survey(pairs, seen, of_voc or _palettes.is_voc(by_palette))


def read_mask(path: pathlib.Path) -> Mask:
  """A mask's file.

  Raises:
    TaskError: it cannot be read, or holds no numbers.
  """
  with decodable(str(path), rule=RULE), Image.open(path, formats=formats()) as picture:
    if picture.format not in _FORMATS or picture.info.get('compression') in _LOSSY_TIFFS:
      raise TaskError(f'{RULE} Received: {path}, a {picture.format}, which does not keep numbers. Export the masks again, as PNG.')
    if picture.width * picture.height > LARGEST:
      raise TaskError(f'A mask has at most {LARGEST:,} pixels. Received: {picture.width:,} x {picture.height:,} of {path}. Cut it up.')
    if getattr(picture, 'n_frames', 1) > 1:
      raise TaskError(f'{RULE} Received: {picture.n_frames} pictures in {path}. Write one, with the numbers of all classes.')
    mask = _mask(picture)
  if isinstance(mask, str):
    raise TaskError(f'{RULE} Received: {mask} of {path}. Write the number of its class into each pixel, not its colour.')
  return mask


def _mask(picture: Image.Image) -> Mask | str:
  """What an opened file holds, or what is wrong with it."""
  packing = picture.tile[0][3] if picture.tile else ''
  packing = packing if isinstance(packing, str) else packing[0]
  if picture.mode in _OPAQUE:
    if picture.getchannel('A').getextrema()[0] < 255:
      return f'mode {picture.mode!r} with transparent pixels'
    picture = picture.convert(_OPAQUE[picture.mode]) if picture.mode != 'PA' else picture.getchannel('P')
  if picture.mode == 'RGB':
    return Mask(np.asarray(picture).astype(np.int64) @ _palettes.PACKED, are_colours=True)
  if picture.mode not in _GREYS:
    return f'mode {picture.mode!r}'
  numbers = np.asarray(picture).astype(np.int32) // _PACKED_GREYS.get(packing, 1)
  lowest, highest = numbers.min(initial=0), numbers.max(initial=0)
  if lowest < 0 or highest >= _FEW:
    return f'the number {lowest if lowest < 0 else highest}'
  return Mask(numbers, palette=picture.getpalette('RGB') if picture.mode == 'P' else None)


def _look(pair: Pair) -> Seen:
  source, labels = pair
  picture, mask = open_rgb(source, str(source)), read_mask(labels)
  size, other = (picture.height, picture.width), mask.numbers.shape
  if other != size:
    with decodable(str(source), source), Image.open(source, formats=formats()) as stored:
      turned = stored.size == other[::-1]
    way_out = (
      'The picture is turned by its EXIF: export the mask as the picture is seen.' if turned else 'Export it again from the same picture.'
    )
    raise TaskError(
      f'A mask has the size of its picture, {size[1]}x{size[0]} of {source}. Received: {other[1]}x{other[0]} of {labels}. {way_out}'
    )
  found = _counted(mask.numbers)
  return Seen(size, found, mask.are_colours, _palettes.used(found, mask.palette))


def _counted(numbers: np.ndarray) -> dict[int, int]:
  """{number: how often it occurs}, ascending."""
  if numbers.max(initial=0) < _FEW:
    counts = np.bincount(numbers.ravel())
    return {number: int(counts[number]) for number in np.flatnonzero(counts).tolist()}
  return dict(zip(*(each.tolist() for each in np.unique(numbers, return_counts=True))))


def _numbered(seen: Seen, of_voc: bool) -> Seen:
  """With numbers in the place of colours."""
  if not seen.are_colours:
    return seen
  numbers = _palettes.numbers(np.asarray(list(seen.counts)), of_voc).tolist()
  return dataclasses.replace(seen, counts=dict(zip(numbers, seen.counts.values())))
