"""Times .tflite files in turns: python -m tflite.benchmark --model=A.tflite,B.tflite --runtime=wasm

Prints a table and, with --json=FILE, writes it too. Ratios are to the first file, medians over rounds.
"""

from collections.abc import Sequence
import dataclasses
import json
import platform
import statistics
from typing import Any

import numpy as np

from st_tf import command, quiet
from st_tf.config import flags, named_files
from st_tf.errors import UserError
from st_tf.files import expanded
from tflite.file import model_file
from tflite.file.model_file import SERVING, ModelFileError
from tflite.runtimes.measured import speedup
from tflite.runtimes.named import RUNTIMES


@dataclasses.dataclass(frozen=True)
class Options:
  """What to time, where."""

  model: str = dataclasses.field(default='', metadata={'help': 'One .tflite file, or several with commas between them.'})
  runtime: str = dataclasses.field(
    default='wasm',
    metadata={'help': 'This processor, LiteRT.js in Chromium, ARM64 emulated, or an Android device.', 'choices': tuple(RUNTIMES)},
  )
  rounds: int = dataclasses.field(default=15, metadata={'help': 'How often each file is timed; the files take turns.'})
  image_size: int = dataclasses.field(default=0, metadata={'help': 'Side in pixels of the images for files that leave it open.'})
  signature: str = dataclasses.field(
    default='', metadata={'help': f"Which graph of files that have several, by its signature; empty = '{SERVING}', or the first."}
  )
  json: str = dataclasses.field(default='', metadata={'help': 'File for the table as JSON.'})

  def __post_init__(self):
    if not self.paths:
      raise flags.FlagError('--model is needed. Received: none. Write --model=FILE.tflite, or several with commas between them.')
    if self.rounds < 1:
      raise flags.FlagError(f'--rounds is at least 1. Received: {self.rounds}.')
    if self.image_size < 0:
      raise flags.FlagError(f'--image_size is a number of pixels. Received: {self.image_size}. 0 = as the files say.')
    if self.json and not expanded(self.json).parent.is_dir():
      raise flags.FlagError(f'--json is a file in an existing folder. Received: {self.json}. Create the folder first.')
    if self.json and expanded(self.json).exists():
      raise flags.FlagError(f'--json overwrites nothing. Received: {self.json}, which exists. Choose another, or remove it.')

  @property
  def paths(self) -> tuple[str, ...]:
    """The files; a comma in the name of one that is there does not part it."""
    parts, found = self.model.split(','), []
    while parts:
      joined = next((n for n in range(len(parts), 1, -1) if _is_file(','.join(parts[:n]))), 1)
      found.append(','.join(parts[:joined]))
      parts = parts[joined:]
    return tuple(filter(None, found))


def _is_file(path: str) -> bool:
  try:
    return expanded(path).is_file()
  except (OSError, ValueError, RuntimeError):  # Too long a name, for one.
    return False


def main(argv: Sequence[str]) -> None:
  """Runs the command."""
  options = flags.read_options(argv, Options, __doc__)
  for path in options.paths:
    named_files.check_file(path)
  with quiet.imports():
    files = [_File.of(path, options) for path in options.paths]
  shapes = {file.shape for file in files}
  if len(shapes) > 1:
    raise UserError(f'Files that are compared read images of one size. Received: {sorted(shapes)}. Time them one by one.')
  rows = table(options, files, next(iter(shapes)))
  notes = [f'{file.path}: {note}' for file in files for note in file.notes]
  print('\n'.join([*lines(rows, options), *notes]))
  if options.json:
    facts = {'runtime': options.runtime, 'machine': platform.platform(), 'rounds': options.rounds, 'models': rows, 'notes': notes}
    expanded(options.json).write_text(json.dumps(facts, indent=1) + '\n', encoding='utf-8')


@dataclasses.dataclass(frozen=True)
class _File:
  """A file to time: as it came, as it runs here, what it reads, and what was changed for that."""

  path: str
  bytes: int
  content: bytes
  shape: tuple[int, ...]
  notes: tuple[str, ...]

  @classmethod
  def of(cls, path: str, options: Options) -> '_File':
    from tflite.file import flat, trial
    from tflite.file.picture import picture
    from tflite.file.uniform import uniform

    content = model_file.load(path)
    model = flat.read(content, path, options.signature)
    seen = picture(model, path)
    if not model.outputs:
      raise ModelFileError(f'A file that is timed gives a result. Received: none in {path}. Convert it again.')
    if min(seen.size) < 0 and not options.image_size:
      shape = (1, *seen.size, seen.channels)
      raise ModelFileError(f'A file has an input of fixed size. Received: {shape} in {path}. Say which by --image_size.')
    size = tuple(side if side > 0 else options.image_size for side in seen.size)
    changed = uniform(content, model, size, 0, path)
    if options.runtime == 'x86':
      trial.run_once(changed, path)
    converted = [model.tensors[index].type for index in (*model.inputs, model.outputs[0])]
    notes = [model.note] if model.note else []
    notes += ['its batch is not fixed, and is taken as 1'] if model.tensors[model.inputs[0]].batch == -1 else []
    notes += [f'its size is not fixed, and is taken as {size[0]}x{size[1]}'] if min(seen.size) < 0 else []
    if set(converted) != {'FLOAT32'}:
      notes.append(f'reads {converted[0]} and gives {converted[1]}; its times are with the conversions from and to FLOAT32')
    return cls(path, len(content), changed, (1, *size, seen.channels), tuple(notes))


def table(options: Options, files: Sequence[Any], shape: Sequence[int]) -> list[dict[str, Any]]:
  """One row per file: 'model', 'bytes', 'milliseconds' (median), 'least', 'most', 'ratio', 'peak_megabytes'.

  Args:
    options: what to time, where.
    files: with their `path`, their `bytes` and the `content` that is timed.
    shape: [1, height, width, channels] of the image they read.

  Raises:
    UserError: the runtime is missing, or a file does not run there.
  """
  image = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
  measured = RUNTIMES[options.runtime].measure([file.content for file in files], image, options.rounds)
  return [
    {
      'model': file.path,
      'bytes': file.bytes,
      'milliseconds': statistics.median(entry.milliseconds),
      'least': min(entry.milliseconds),
      'most': max(entry.milliseconds),
      'ratio': 1 / speedup(measured[0], entry),
      'peak_megabytes': entry.peak_megabytes,
    }
    for file, entry in zip(files, measured)
  ]


def lines(rows: Sequence[dict[str, Any]], options: Options) -> list[str]:
  """The table for people."""
  width = max(len(row['model']) for row in rows)
  head = f'{"":{width}}  {"bytes":>12}  {"ms":>8}  {"least":>8}  {"most":>8}  {"/ first":>7}  {"peak MB":>8}'
  shown = [f'{options.runtime}, batch 1, {options.rounds} rounds in turns', head]
  for row in rows:
    peak = '-' if row['peak_megabytes'] is None else f'{row["peak_megabytes"]:.1f}'
    times = '  '.join(f'{row[name]:8.2f}' for name in ('milliseconds', 'least', 'most'))
    shown.append(f'{row["model"]:{width}}  {row["bytes"]:12,}  {times}  {row["ratio"]:7.2f}  {peak:>8}')
  note = RUNTIMES[options.runtime].note
  return [*shown, note] if note else shown


if __name__ == '__main__':
  command.run(main)
