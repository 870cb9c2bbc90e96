"""What a ticket sees in a picture. The training data is not needed."""

import base64
from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import html
import io
import pathlib
from typing import Any

import numpy as np
from PIL import Image

from st_tf.errors import UserError
from st_tf.task import maps, most_likely
from st_tf.task.pictures import as_rgb, center_crop, open_rgb
from st_tf.ticket.facts import TaskFacts

_SHOWN_GUESSES = 5  # In notebooks.
_SHOWN_PIXELS = 640  # Longer side of a picture there.

# What can be looked at: a file, a picture, or [height, width, 3] uint8.
Picture = str | pathlib.Path | Image.Image | np.ndarray


class PictureError(UserError):
  """Something that is no picture."""


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
  """What a ticket sees in one picture.

  Attributes:
    guesses: (label, share) of every label, largest first: the probability of a class, the part of the crop that a label covers, or the
      confidence in a joint.
    output: the network's: logits [classes], or a map [rows, columns, labels].
    crop: [height, width, 3] uint8, the part of the picture that the network saw, in the picture's own resolution.
    picture: [height, width, 3] uint8, the crop with the labels of its pixels or the joints drawn over it, maybe enlarged; for classes
      the crop itself.
    labels: [height, width] int64, label numbers of the crop's pixels; segmentation only.
    joints: [joints, 3] float64, x and y in pixels of the crop, and the confidence; key points only.
    colours: '#rrggbb' that each label is drawn in; empty for classes.
  """

  guesses: tuple[tuple[str, float], ...]
  output: np.ndarray
  crop: np.ndarray
  picture: np.ndarray
  labels: np.ndarray | None = None
  joints: np.ndarray | None = None
  colours: Mapping[str, str] = dataclasses.field(default_factory=dict)

  @property
  def label(self) -> str:
    """The first guess."""
    return self.guesses[0][0]

  def __repr__(self) -> str:
    label, share = self.guesses[0]
    height, width = self.crop.shape[:2]
    return f'Prediction({label!r}, {share:.1%}, crop {height}x{width})'

  def _repr_png_(self) -> bytes:
    shown = Image.fromarray(self.picture)
    shown.thumbnail((_SHOWN_PIXELS, _SHOWN_PIXELS))
    written = io.BytesIO()
    shown.save(written, 'PNG')
    return written.getvalue()

  def _repr_html_(self) -> str:
    rows = ''
    for label, share in self.guesses[:_SHOWN_GUESSES]:
      colour = f'<span style="color:{html.escape(self.colours[label])}">&#9632;</span> ' if label in self.colours else ''
      rows += f'<tr><td style="text-align:left">{colour}{html.escape(label)}</td><td>{share:.1%}</td></tr>'
    picture = base64.b64encode(self._repr_png_()).decode()
    return f'<img src="data:image/png;base64,{picture}"><table>{rows}</table>'


def is_single(images: Any) -> bool:
  """Whether `images` is one picture, not several."""
  if isinstance(images, str | pathlib.Path | Image.Image):
    return True
  return np.ndim(images) != 4 if hasattr(images, '__array__') else not isinstance(images, Iterable)


def read(picture: Any, name: str) -> Image.Image:
  """One picture as RGB, upright.

  Args:
    picture: a `Picture`.
    name: what messages call it, where it is no file.

  Raises:
    PictureError: it is no picture.
    TaskError: it is one that cannot be read.
  """
  if isinstance(picture, str | pathlib.Path):
    return open_rgb(pathlib.Path(picture), str(picture))
  if isinstance(picture, Image.Image):
    return as_rgb(picture, name)
  if not hasattr(picture, '__array__'):
    raise PictureError(
      f'A picture is a file, a PIL picture or an array [height, width, 3] of uint8. Received: {type(picture).__name__} as {name}.'
    )
  pixels = np.asarray(picture)
  if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
    raise PictureError(
      f'A picture in an array is [height, width, 3], and several are [n, height, width, 3]. Received: {list(pixels.shape)} as {name}.'
      ' Bring grey or transparent ones to RGB, for example with PIL.'
    )
  if pixels.dtype != np.uint8:
    raise PictureError(
      f'A picture in an array is RGB in uint8, from 0 to 255. Received: {pixels.dtype} as {name}. Give for example'
      ' np.rint(255 * pixels).astype(np.uint8) where they go from 0 to 1.'
    )
  return Image.fromarray(pixels)


def network_input(picture: Image.Image, size: tuple[int, int], task: TaskFacts) -> np.ndarray:
  """[height, width, 3] float32: what the network of a ticket reads of a picture, cropped and normalised as the ticket was scored.

  Args:
    picture: RGB.
    size: (height, width) that the network reads.
    task: what the ticket knows of it.
  """
  return task.normalisation.normalised(center_crop(picture, size, task.keep))


def crop_of(picture: Image.Image, size: tuple[int, int], keep: float) -> np.ndarray:
  """[height, width, 3] uint8: the part of a picture that a network for images of `size` sees, in the picture's own resolution."""
  scale = keep * min(picture.height / size[0], picture.width / size[1])
  return center_crop(picture, tuple(max(1, round(scale * side)) for side in size), keep)


def prediction(crop: np.ndarray, output: np.ndarray, task: TaskFacts) -> Prediction:
  """What a network's output says.

  Args:
    crop: [height, width, 3] uint8, the part of the picture that the network saw, of any size.
    output: of the network, for this picture.
    task: what the ticket knows of its task.

  Raises:
    PictureError: the output of a network for classes has a number that is none.
  """
  labels = task.labels
  if task.kind == 'classification' and not np.isfinite(output).all():
    raise PictureError(
      'A network answers with numbers. Received: NaN or infinity for a picture. Train it again at a lower --learning_rate.'
    )
  if task.kind == 'classification':
    return Prediction(tuple(most_likely(output, labels, len(labels))), output, crop, crop)
  written = task.semantics['colours']
  colours, legend = maps.read_colours(written), dict(zip(labels, written, strict=True))
  if task.kind == 'segmentation':
    found = maps.labelled(output, crop.shape[:2])
    shares = np.bincount(found.ravel(), minlength=len(labels)) / found.size
    return Prediction(_ranked(shares, labels), output, crop, maps.with_labels(crop, found, colours), labels=found, colours=legend)
  joints = maps.decode(output[None], crop.shape[:2])[0]
  shown = np.where(joints[:, 2:] >= maps.SHOWN_CONFIDENCE, joints[:, :2], np.nan)
  seen = maps.with_joints(crop, shown, task.semantics['skeleton'], colours)
  return Prediction(_ranked(joints[:, 2].clip(0, 1), labels), output, crop, seen, joints=joints, colours=legend)


def _ranked(shares: np.ndarray, labels: Sequence[str]) -> tuple[tuple[str, float], ...]:
  return tuple((labels[index], float(shares[index])) for index in np.argsort(-shares, kind='stable'))
