"""Picture files as a network sees them."""

import contextlib
import io
import pathlib
import threading

import numpy as np
from PIL import Image, ImageOps

from st_tf.task import TaskError

# Modes whose conversion to RGB keeps the picture. Others (16 or 32 bits of grey) would be clipped to white.
# Phones take 108 million, which are 324 MB when they are decoded. A JPEG counts as it is decoded, at reduced size in training.
LARGEST = 120_000_000
_LARGE = 16_000_000  # Of which several at a time would take too much memory: they are decoded one after the other.
_ONE_AT_A_TIME = threading.Lock()
MODES = ('1', 'L', 'LA', 'P', 'PA', 'RGB', 'RGBA', 'RGBX', 'CMYK', 'YCbCr', 'HSV')


def open_rgb(item: pathlib.Path | bytes, name: str, side: int = 0) -> Image.Image:
  """An encoded picture as RGB, upright.

  Args:
    item: a file or its contents.
    name: what messages call it.
    side: shortest side that is wanted, in pixels; lets a JPEG be decoded at reduced size.

  Raises:
    TaskError: missing, unreadable, or in a mode that has no RGB form.
  """
  try:
    with Image.open(io.BytesIO(item) if isinstance(item, bytes) else item) as picture:
      if side and picture.mode in MODES:
        picture.draft('RGB', (side, side))
      if picture.width * picture.height > LARGEST:
        raise _too_large(name, picture.size)
      with _ONE_AT_A_TIME if picture.width * picture.height > _LARGE else contextlib.nullcontext():
        return as_rgb(picture, name)
  except TaskError:
    raise
  except FileNotFoundError as error:
    raise TaskError(f'An image is a file that exists. Received: {name}.') from error
  except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
    raise _undecodable(name, error) from error


def as_rgb(picture: Image.Image, name: str) -> Image.Image:
  """A picture as RGB, upright.

  Args:
    picture: in any mode.
    name: what messages call it.

  Raises:
    TaskError: its file cannot be decoded, or its mode has no RGB form.
  """
  if picture.mode not in MODES:
    rule = f'An image has a mode that can be made RGB ({", ".join(MODES)}).'
    raise TaskError(f'{rule} Received: mode {picture.mode!r} of {name}. Save it as 8-bit RGB.')
  try:
    return ImageOps.exif_transpose(picture).convert('RGB')
  except (OSError, ValueError, SyntaxError) as error:  # A file is decoded only now.
    raise _undecodable(name, error) from error


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


def _too_large(name: str, size: tuple[int, int]) -> TaskError:
  return TaskError(
    f'An image has at most {LARGEST:,} pixels, since several are decoded at a time. Received: {size[0]:,} x {size[1]:,} of {name}.'
    ' Make it smaller: networks see some hundred pixels a side.'
  )


def _undecodable(name: str, error: Exception) -> TaskError:
  return TaskError(f'An image can be decoded. Received: {name} ({error}). Replace or remove it.')
