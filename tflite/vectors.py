"""Golden vectors: what Python makes of pictures and logits, for the web page and the Android app to make the same of them.

Both are text with a case per line, so that any language can read them.
"""

import numpy as np
from PIL import Image

from st_tf.task import most_likely
from st_tf.task.pictures import center_crop

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
_LOGITS = ((0.0, 0.0, 0.0), (1.0, -2.0, 3.0, 3.0, 0.5, 2.0, -1.0), (80.0, -80.0, 79.0), (-1000.0, -999.5), (0.25,))


def crops(seed: int = 0) -> str:
  """Lines of 'width height out_height out_width keep pixels expected'; pixels are RGB rows in hexadecimal.

  Args:
    seed: of the pictures.
  """
  rng = np.random.default_rng(seed)
  lines = []
  for (width, height), (out_height, out_width), keep in _CROPS:
    pixels = rng.integers(0, 256, (height, width, 3), np.uint8)
    expected = center_crop(Image.fromarray(pixels), (out_height, out_width), keep)
    lines.append(f'{width} {height} {out_height} {out_width} {keep!r} {pixels.tobytes().hex()} {expected.tobytes().hex()}')
  return '\n'.join(lines) + '\n'


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
