"""Times .tflite files in turns: python -m tflite.benchmark --model=A.tflite,B.tflite --runtime=wasm

Prints a table and, with --json=FILE, writes it too. Ratios are to the first file, medians over rounds.
"""

from collections.abc import Sequence
import dataclasses
import json
import pathlib
import platform
import statistics
from typing import Any

import numpy as np

from st_tf import command, quiet
from st_tf.config import flags
from st_tf.errors import UserError
from tflite.file import model_file
from tflite.file.model_file import ModelFileError
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
  json: str = dataclasses.field(default='', metadata={'help': 'File for the table as JSON.'})

  def __post_init__(self):
    if not self.paths:
      raise flags.FlagError('--model is needed. Received: none. Write --model=FILE.tflite, or several with commas between them.')
    if self.rounds < 1:
      raise flags.FlagError(f'--rounds is at least 1. Received: {self.rounds}.')
    if self.json and not pathlib.Path(self.json).expanduser().parent.is_dir():
      raise flags.FlagError(f'--json is a file in an existing folder. Received: {self.json}. Create the folder first.')
    if self.json and pathlib.Path(self.json).expanduser().exists():
      raise flags.FlagError(f'--json overwrites nothing. Received: {self.json}, which exists. Choose another, or remove it.')

  @property
  def paths(self) -> tuple[str, ...]:
    """The files."""
    return tuple(filter(None, self.model.split(',')))


def main(argv: Sequence[str]) -> None:
  """Runs the command."""
  options = flags.read_options(argv, Options, __doc__)
  with quiet.imports():
    from tflite.file.flat import read
  contents = [model_file.load(path) for path in options.paths]
  models = [read(content, path) for content, path in zip(contents, options.paths)]
  for model, path in zip(models, options.paths):
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.tensors[model.inputs[0]].shape) != 4:
      raise ModelFileError(f'A file that is timed reads one image [1, height, width, channels] and gives one result. Received: {path}.')
  shapes = {model.tensors[model.inputs[0]].shape for model in models}
  if len(shapes) > 1:
    raise UserError(f'Files that are compared read images of one size. Received: {sorted(shapes)}. Time them one by one.')
  if min(next(iter(shapes))) < 1:
    raise ModelFileError(f'A file has an input of fixed size. Received: {next(iter(shapes))} in {options.paths[0]}. Convert it with one.')
  rows = table(options, contents, next(iter(shapes)))
  print('\n'.join(lines(rows, options)))
  if options.json:
    facts = {'runtime': options.runtime, 'machine': platform.platform(), 'rounds': options.rounds, 'models': rows}
    pathlib.Path(options.json).expanduser().write_text(json.dumps(facts, indent=1) + '\n', encoding='utf-8')


def table(options: Options, contents: Sequence[bytes], shape: Sequence[int]) -> list[dict[str, Any]]:
  """One row per file: 'model', 'bytes', 'milliseconds' (median), 'least', 'most', 'ratio', 'peak_megabytes'.

  Args:
    options: what to time, where.
    contents: the files.
    shape: [1, height, width, 3] of the image they read.

  Raises:
    UserError: the runtime is missing, or a file does not run there.
  """
  image = np.random.default_rng(0).uniform(size=shape).astype(np.float32)
  measured = RUNTIMES[options.runtime].measure(contents, image, options.rounds)
  return [
    {
      'model': path,
      'bytes': len(content),
      'milliseconds': statistics.median(entry.milliseconds),
      'least': min(entry.milliseconds),
      'most': max(entry.milliseconds),
      'ratio': 1 / speedup(measured[0], entry),
      'peak_megabytes': entry.peak_megabytes,
    }
    for path, content, entry in zip(options.paths, contents, measured)
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
