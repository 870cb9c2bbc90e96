"""Settings that may name a file: two runs are alike where what is in it is, wherever it lies."""

import hashlib
import os
import pathlib
import re

from st_tf.latency import PREFIX
from st_tf.presets import PRESETS

SETTINGS = ('supernet', 'cost', 'class_names', 'detections')
_PORTABLE = re.compile('#([0-9a-f]{16})$')


def digest(setting: str, text: str) -> str:
  """Of what is in the file, or was in it where `portable` has written the text; empty where it names none.

  Args:
    setting: one of `SETTINGS`.
    text: its value.
  """
  written = _PORTABLE.search(text)
  if written:
    return written[1]
  if setting == 'cost' and not text.startswith(PREFIX) or setting == 'class_names' and ',' in text or text in PRESETS:
    return ''
  path = pathlib.Path(text.removeprefix(PREFIX)).expanduser()
  there = os.path.isfile(path)  # Not of pathlib, which a long name is too much for.
  return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if there else ''


def portable(text: str, digest: str) -> str:
  """The value of a setting with the name of its file and a digest of what is in it, instead of where it lies."""
  prefix = PREFIX if text.startswith(PREFIX) else ''
  name = pathlib.Path(_PORTABLE.sub('', text.removeprefix(prefix))).name
  return f'{prefix}{name}#{digest}'
