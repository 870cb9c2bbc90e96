"""Compares ways to find an efficient network on a task: accuracy, size, and what the training has cost.

  python -m st_tf.compare --task=cifar100 --methods=supertickets,search_then_prune,gmp --sparsities=0.9,0.98 --seeds=3

Every run is a process of its own; finished ones are kept, interrupted ones go on, and a failed one is a line in the table. Differences
are against the first method. A method may bring settings: supertickets:reactivation=masked.
"""

from collections.abc import Sequence
import dataclasses
import shlex
import time

from absl import flags as absl_flags

from st_tf import command, quiet
from st_tf.comparing.options import Options, check, check_recorded, worked_in
from st_tf.config import flags, named_files
from st_tf.config.fields import shown
from st_tf.config.request import Request

_PRIVATE = ('workdir', 'data_dir', 'jobs', 'out', 'records')
_FIRST = ('task', 'methods', 'sparsities', 'seeds', 'config')


def main(argv: Sequence[str]) -> int:
  """Runs the command; the exit code is 0, 1 when a run of the table has failed, or 130 after an interruption."""
  values = absl_flags.FlagValues()
  flags.define(values, dataclasses.fields(Options))
  flags.define_config(values)
  flags.parse(argv, values, __doc__, unread=('method', 'sparsity', 'init_from'))
  request, options = flags.request(values), flags.options_from(values, Options)
  check(request, values['learning_rates'].present)
  request.check_there()
  with worked_in(options) as here:
    return _compared(values, request, here)


def _compared(values: absl_flags.FlagValues, request: Request, options: Options) -> int:
  check_recorded(options)
  started = time.monotonic()
  with quiet.imports():
    from st_tf.comparing.comparison import Comparison
  comparison = Comparison.prepared(request, options, _command(values), time.monotonic() - started)
  if not options.collect:
    print('\n'.join(comparison.plan()), flush=True)
  if options.dry_run:
    return 0
  try:
    rows = comparison.run()
  except KeyboardInterrupt:
    print('\nInterrupted: the same command continues.')
    return command.INTERRUPTED
  return 1 if any(row.errors for row in rows) else 0


def _command(values: absl_flags.FlagValues) -> str:
  """The command that was given; of what lies on this machine, the names."""
  given = {name: shown(values[name].value) for name in values if values[name].present and name not in _PRIVATE}
  words = [f'--{name}={named_files.without_folder(text)}' for name, text in sorted(given.items(), key=lambda item: item[0] not in _FIRST)]
  return shlex.join(['python', '-m', 'st_tf.compare', *words])


if __name__ == '__main__':
  command.run(main)
