"""Picture files as a network sees them."""

from collections.abc import Iterator
import contextlib
import dataclasses
import functools
import io
import os
import pathlib
import re
import threading

import numpy as np
from PIL import ExifTags, Image, features

from st_tf.task import TaskError

# What files of pictures end in, in any letter case; older Pillows cannot read AVIF.
SUFFIXES = ('.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.bmp', '.webp', *(('.avif',) if features.check('avif') else ()))
HEIC_SUFFIXES = ('.heic', '.heif', '.hif')
CONVERT_HEIC = 'HEIC is not read; convert it to JPEG, for example by heif-convert (of libheif) or by magick (of ImageMagick).'
# What systems leave in folders, in lower case; with everything whose name begins with a dot it counts for nothing, and is not told of.
_RUBBISH = {
  *('__macosx', '@eadir', '@recycle', '#recycle', '#snapshot', '$recycle.bin', 'system volume information', 'lost+found', '__pycache__'),
  *('thumbs.db', 'ehthumbs.db', 'ehthumbs_vista.db', 'desktop.ini', 'picasa.ini', 'icon\r'),
}
# Phones take 108 million, which are 324 MB when they are decoded. A JPEG counts as it is decoded, at reduced size in training.
LARGEST = 120_000_000
# Modes whose conversion to RGB keeps the picture. Others (16 or 32 bits of grey) would be clipped to white.
MODES = ('1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'RGBX', 'CMYK', 'YCbCr', 'HSV')
# What files may hold, whatever they are called: pictures alone. Pillow would hand others on to programs, as EPS to Ghostscript.
_FORMATS = ('AVIF', 'BMP', 'DIB', 'GIF', 'ICO', 'JPEG', 'JPEG2000', 'PCX', 'PNG', 'PPM', 'QOI', 'SGI', 'TGA', 'TIFF', 'WEBP')
_OF_MEMORY = re.compile(' <_io[^>]*>')  # What Pillow calls contents that are no file.
_LARGE = 16_000_000  # Of which several at a time would take too much memory: they are decoded one after the other.
_ONE_AT_A_TIME = threading.Lock()
_HEIC_BRANDS = (b'heic', b'heix', b'hevc', b'hevx', b'heim', b'heis', b'mif1', b'msf1')
_TURNS = {
  2: Image.Transpose.FLIP_LEFT_RIGHT,
  3: Image.Transpose.ROTATE_180,
  4: Image.Transpose.FLIP_TOP_BOTTOM,
  5: Image.Transpose.TRANSPOSE,
  6: Image.Transpose.ROTATE_270,
  7: Image.Transpose.TRANSVERSE,
  8: Image.Transpose.ROTATE_90,
}
LYING = (5, 6, 7, 8)  # Orientations, as in EXIF, of pictures whose width and height change places.


@dataclasses.dataclass(frozen=True)
class Header:
  """What a picture's file says of itself.

  Attributes:
    stored: (height, width) of its pixels, as the file stores them.
    orientation: as in EXIF, 1 to 8; 1 where it says none that can be read.
  """

  stored: tuple[int, int]
  orientation: int = 1

  @property
  def upright(self) -> tuple[int, int]:
    """(height, width) of the picture as it is seen."""
    return self.stored[::-1] if self.orientation in LYING else self.stored


def open_rgb(item: pathlib.Path | bytes, name: str, side: int = 0) -> Image.Image:
  """An encoded picture as RGB, upright, over white where it is transparent; of several in one file, the first.

  Args:
    item: a file or its contents.
    name: what messages call it.
    side: shortest side that is wanted, in pixels; lets a JPEG be decoded at reduced size.

  Raises:
    TaskError: missing, unreadable, too large, or in a mode that has no RGB form.
  """
  with _opened(item, name) as picture:
    return _decoded(picture, name, side)


def looked_at(item: pathlib.Path | bytes, name: str, side: int) -> tuple[int, int]:
  """(height, width) that an encoded picture says of itself, as it is stored; it is decoded, and so refused, as by `open_rgb`."""
  with _opened(item, name) as picture:
    width, height = picture.size
    _decoded(picture, name, side)
  return height, width


def header_of(item: pathlib.Path | bytes, name: str) -> Header:
  """Size and orientation of an encoded picture, from its header where that says them.

  Args:
    item: a file or its contents.
    name: what messages call it.

  Raises:
    TaskError: as `open_rgb` does, as far as the header tells.
  """
  with _opened(item, name) as picture, _in_turn(picture, name):
    _check_mode(picture, name)
    orientation = _orientation(picture)
    if picture.format in ('PNG', 'TIFF'):
      picture.load()  # What says how a PNG is turned may stand behind its pixels; Pillow turns a TIFF itself, when it decodes it.
    if picture.format == 'TIFF':
      turned = Header((picture.height, picture.width), orientation)
      return dataclasses.replace(turned, stored=turned.upright)
    return Header((picture.height, picture.width), _orientation(picture))


def as_rgb(picture: Image.Image, name: str) -> Image.Image:
  """A picture as RGB, upright, over white where it is transparent.

  Args:
    picture: in any mode.
    name: what messages call it.

  Raises:
    TaskError: its file cannot be decoded, or its mode has no RGB form.
  """
  with decodable(name):
    _check_mode(picture, name)
    picture.load()  # Before its EXIF is read: what goes wrong there says nothing of the pixels.
    turn = _TURNS.get(_orientation(picture))
    if picture.has_transparency_data:
      seen = picture.convert('RGBA')
      rgb = Image.new('RGB', seen.size, 'white')
      rgb.paste(seen, mask=seen)
    else:
      rgb = picture.convert('RGB')
    return rgb if turn is None else rgb.transpose(turn)


@contextlib.contextmanager
def decodable(name: str, item: pathlib.Path | bytes = b'', rule: str = 'An image can be decoded.') -> Iterator[None]:
  """Within it whatever Pillow raises becomes one kind of error, which names the file.

  Args:
    name: what messages call the file.
    item: the file or its contents, for a word on its kind.
    rule: what the file breaks.

  Raises:
    TaskError: anything went wrong.
  """
  try:
    yield
  except TaskError:
    raise
  except FileNotFoundError as error:
    raise TaskError(f'An image is a file that exists. Received: {shown(name)}.') from error
  except Exception as error:  # Decoders raise what they run into: struct.error, KeyError, MemoryError and others.
    reason = shown(_OF_MEMORY.sub('', str(error))) or type(error).__name__
    raise TaskError(f'{rule} Received: {shown(name)} ({reason}). {_way_out(item)}') from error


@functools.cache
def formats() -> tuple[str, ...]:
  """What this Pillow may read files as, by its names."""
  Image.init()
  return tuple(name for name in _FORMATS if name in Image.OPEN)


def shown(name: str | pathlib.Path) -> str:
  """A file's name on one line, in characters that every message can carry: others are written out, as '\\n'."""
  return ''.join(each if each.isprintable() else each.encode('unicode_escape').decode() for each in str(name))


def is_rubbish(name: str) -> bool:
  """Whether a file or folder of that name is left by a system, or hidden."""
  return name.startswith('.') or name.casefold() in _RUBBISH


def walk(folder: str | pathlib.Path) -> Iterator[tuple[str, list[str]]]:
  """(folder, names of its files) of a folder and all in it, in a fixed order, without what systems leave there."""
  for place, below, names in os.walk(folder):
    below[:] = sorted(name for name in below if not is_rubbish(name))
    yield place, sorted(name for name in names if not is_rubbish(name))


def center_crop(picture: Image.Image, size: tuple[int, int], keep: float = 1.0) -> np.ndarray:
  """The largest middle part that has the shape of `size`, resized to it: [height, width, 3] uint8.

  Args:
    picture: any RGB picture.
    size: (height, width) of the result in pixels.
    keep: share of that part, per side, that is kept.
  """
  height, width = size
  if picture.size == (width, height) and keep == 1:
    return np.asarray(picture)
  scale = keep * min(picture.width / width, picture.height / height)
  # Rounding can put the edge a hair outside.
  left, top = max((picture.width - scale * width) / 2, 0.0), max((picture.height - scale * height) / 2, 0.0)
  box = (left, top, min(left + scale * width, picture.width), min(top + scale * height, picture.height))
  return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box))


def _decoded(picture: Image.Image, name: str, side: int) -> Image.Image:
  if side and picture.mode in MODES:
    picture.draft('RGB', (side, side))
  with _in_turn(picture, name):
    return as_rgb(picture, name)


@contextlib.contextmanager
def _opened(item: pathlib.Path | bytes, name: str) -> Iterator[Image.Image]:
  if not isinstance(item, bytes) and os.path.exists(item) and not os.path.isfile(item):  # A pipe would be waited for.
    raise TaskError(f'An image is a file. Received: {shown(name)}, which is none. Replace or remove it.')
  with decodable(name, item), Image.open(io.BytesIO(item) if isinstance(item, bytes) else item, formats=formats()) as picture:
    yield picture


def _in_turn(picture: Image.Image, name: str) -> contextlib.AbstractContextManager:
  """What a picture of this size waits for before it is decoded.

  Raises:
    TaskError: it is too large to be decoded at all.
  """
  width, height = picture.size
  if width * height > LARGEST:
    raise TaskError(
      f'An image has at most {LARGEST:,} pixels, since several are decoded at a time. Received: {width:,} x {height:,} of {shown(name)}.'
      ' Make it smaller: networks see some hundred pixels a side.'
    )
  return _ONE_AT_A_TIME if width * height > _LARGE else contextlib.nullcontext()


def _check_mode(picture: Image.Image, name: str) -> None:
  if picture.mode not in MODES:
    rule = f'An image has a mode that can be made RGB ({", ".join(MODES)}).'
    raise TaskError(f'{rule} Received: mode {picture.mode!r} of {shown(name)}. Save it as 8-bit RGB.')


def _orientation(picture: Image.Image) -> int:
  """As EXIF says, 1 to 8; 1 where it says none, or cannot be read."""
  try:
    orientation = picture.getexif().get(ExifTags.Base.Orientation)
    return orientation if orientation in _TURNS else 1
  except Exception:  # Of any kind, as in `decodable`; the pixels are good.
    return 1


def _way_out(item: pathlib.Path | bytes) -> str:
  """What to do about a file that cannot be decoded."""
  head = item
  if not isinstance(item, bytes):
    try:
      with open(item, 'rb') as file:
        head = file.read(12)
    except (OSError, ValueError):
      head = b''
  return CONVERT_HEIC if head[4:8] == b'ftyp' and head[8:12] in _HEIC_BRANDS else 'Replace or remove it.'
