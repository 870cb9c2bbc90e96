"""Golden vectors: what Python makes of pictures, logits and maps, for the web page and the Android app to make the same of them.

All are text with a case per line, so that any language can read them.
"""

import numpy as np
from PIL import Image

from st_tf.task import most_likely
from st_tf.task.pictures import as_rgb, center_crop
from st_tf.ticket import TaskFacts
from st_tf.ticket.prediction import prediction

# (width, height) of a picture, (height, width) that a network wants, share of the shorter side that is kept.
_CROPS = (
  ((8, 8), (8, 8), 1.0),
  ((8, 8), (8, 8), 0.875),
  ((5, 4), (9, 9), 1.0),
  ((37, 23), (16, 16), 1.0),
  ((23, 37), (16, 16), 0.875),
  ((64, 64), (32, 32), 1.0),
  ((101, 67), (7, 7), 0.9),
  ((40, 30), (12, 20), 1.0),
  ((3, 50), (10, 10), 1.0),
  ((115, 87), (27, 105), 1.0),
  ((2, 2999), (16, 16), 0.9),
)
_TRANSPARENT = 4  # Every so many pictures of these are transparent, the first among them.
_LOGITS = ((0.0, 0.0, 0.0), (1.0, -2.0, 3.0, 3.0, 0.5, 2.0, -1.0), (80.0, -80.0, 79.0), (-1000.0, -999.5), (0.25,))
# (rows, columns) of a map, its labels, how often a file gives each place per direction, (height, width) of what the network sees.
_MAPS = (
  ((3, 4), 2, 1, (12, 16)),
  ((6, 5), 4, 2, (13, 20)),
  ((1, 1), 3, 2, (4, 4)),
  ((9, 7), 7, 1, (9, 7)),
  ((7, 9), 6, 1, (3, 5)),
  ((2, 1), 3, 4, (31, 33)),
)


def crops(seed: int = 0) -> str:
  """Lines as of `crop_line`, of random pictures; some are transparent.

  Args:
    seed: of the pictures.
  """
  rng = np.random.default_rng(seed)
  lines = []
  for index, ((width, height), size, keep) in enumerate(_CROPS):
    pixels = rng.integers(0, 256, (height, width, 4), np.uint8)
    if index % _TRANSPARENT:
      pixels[..., 3] = 255
    lines.append(crop_line(pixels, size, keep))
  return ''.join(f'{line}\n' for line in lines)


def crop_line(pixels: np.ndarray, size: tuple[int, int], keep: float) -> str:
  """'width height out_height out_width keep pixels expected'; pixels are RGBA rows and expected are RGB rows, in hexadecimal.

  Args:
    pixels: [height, width, 4] uint8.
    size: (height, width) of the crop in pixels.
    keep: share of the shorter side that is kept.
  """
  expected = center_crop(as_rgb(Image.fromarray(pixels), 'a picture'), size, keep)
  numbers = (pixels.shape[1], pixels.shape[0], *size)
  return f'{" ".join(map(str, numbers))} {keep!r} {pixels.tobytes().hex()} {expected.tobytes().hex()}'


def guesses(top: int = 5) -> str:
  """Lines of 'logits indices probabilities', each with commas between its numbers: the `top` most likely, equal ones by index.

  Args:
    top: how many are kept at most.
  """
  lines = []
  for logits in _LOGITS:
    likely = most_likely(np.asarray(logits), [str(index) for index in range(len(logits))], top)
    columns = (map(repr, logits), (index for index, _ in likely), (repr(share) for _, share in likely))
    lines.append(' '.join(','.join(column) for column in columns))
  return '\n'.join(lines) + '\n'


def maps(seed: int = 0) -> str:
  """Lines as of `map_line`, of random outputs.

  Args:
    seed: of the outputs.
  """
  rng = np.random.default_rng(seed)
  lines = []
  for shape, labels, repeats, size in _MAPS:
    output = rng.normal(0.3, 0.4, (*shape, labels)).astype(np.float32)
    lines += [map_line(output, repeats, size, kind) for kind in ('segmentation', 'keypoints')]
    lines.append(map_line(output.round(), repeats, size, 'keypoints'))  # Many places are equally high.
  return ''.join(f'{line}\n' for line in lines)


def map_line(output: np.ndarray, repeats: int, size: tuple[int, int], kind: str) -> str:
  """'kind rows columns labels repeats height width values found indices shares', where commas separate several numbers.

  'values' are those of a file that gives each place `repeats` times per direction; 'found' are the labels of all pixels, or x, y and
  confidence of all joints; 'indices' and 'shares' are the guesses.

  Args:
    output: [rows, columns, labels] float32, of a network.
    repeats: of the file.
    size: (height, width) of what the network sees, in pixels.
    kind: segmentation or keypoints.
  """
  labels = [str(index) for index in range(output.shape[2])]
  semantics = {'kind': kind, 'colours': ['#000000'] * len(labels), 'skeleton': []}
  seen = prediction(np.zeros((*size, 3), np.uint8), output, TaskFacts(labels=tuple(labels), semantics=semantics))
  values = output.repeat(repeats, 0).repeat(repeats, 1)
  found = seen.labels if kind == 'segmentation' else seen.joints
  indices, shares = zip(*seen.guesses)
  # Whether a zero is negative says nothing.
  columns = (values.ravel().tolist(), found.ravel().tolist(), map(int, indices), (share + 0.0 for share in shares))
  numbers = (*values.shape, repeats, *size)
  return ' '.join([kind, *map(str, numbers), *(','.join(map(repr, column)) for column in columns)])
