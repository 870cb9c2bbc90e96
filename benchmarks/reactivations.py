"""Which reactivation to use: one short training per semantics, sparsity and seed, scored on the validation split.

python benchmarks/reactivations.py --workdir=FOLDER [--task=cifar100] [--data_dir=...] [--supernet=tiny] [--epochs=12]

Nothing is searched, so that all networks are equal but for their masks. Finished runs are not repeated.
"""

from collections.abc import Sequence
import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys

from st_tf import command
from st_tf.config import REACTIVATIONS, flags


@dataclasses.dataclass(frozen=True)
class Options:
  """What to compare."""

  workdir: str = dataclasses.field(default='', metadata={'help': 'Folder for the runs.'})
  task: str = dataclasses.field(default='cifar100', metadata={'help': 'What to train on.'})
  data_dir: str = dataclasses.field(default='', metadata={'help': 'Folder with the data.'})
  supernet: str = dataclasses.field(default='tiny', metadata={'help': 'Preset or JSON file.'})
  epochs: int = dataclasses.field(default=12, metadata={'help': 'Epochs per run.'})
  train_examples: int = dataclasses.field(default=18000, metadata={'help': 'Training images.'})
  sparsities: tuple[float, ...] = dataclasses.field(default=(0.9, 0.98), metadata={'help': 'Sparsities.'})
  seeds: int = dataclasses.field(default=2, metadata={'help': 'Runs of each kind.'})

  def __post_init__(self):
    if not self.workdir:
      raise flags.FlagError('--workdir is needed. Received: none. Write --workdir=FOLDER.')


def main(argv: Sequence[str]) -> None:
  """Trains what is missing and prints the table."""
  options = flags.read_options(argv, Options, __doc__)
  print('| | ' + ' | '.join(f'{sparsity:.0%}' for sparsity in options.sparsities) + ' |')
  print('|---' * (1 + len(options.sparsities)) + '|')
  for reactivation in REACTIVATIONS:
    cells = []
    for sparsity in options.sparsities:
      scores = [100 * _score(options, reactivation, sparsity, seed) for seed in range(options.seeds)]
      cells.append(f'{statistics.mean(scores):.1f} ({", ".join(f"{score:.1f}" for score in scores)})')
    print(f'| `{reactivation}` | ' + ' | '.join(cells) + ' |', flush=True)


def _score(options: Options, reactivation: str, sparsity: float, seed: int) -> float:
  path = pathlib.Path(options.workdir) / f'{reactivation}-{sparsity:g}-{seed}'
  ticket = path / 'tickets' / f'sparsity_{sparsity:g}'
  if not (ticket / 'report').is_dir():
    settings = {
      'task': options.task,
      'data_dir': options.data_dir,
      'supernet': options.supernet,
      # What the semantics differ by is not to depend on layers' shares.
      'ranking': 'global',
      'unit_slope': False,
      'epochs': options.epochs,
      'train_examples': options.train_examples,
      'penalty': 0,
      'target_macs': 0,
      'reactivation': reactivation,
      'sparsity': sparsity,
      'seed': seed,
      'workdir': path,
    }
    arguments = [f'--{name}={value}' for name, value in settings.items() if value != '']
    subprocess.run([sys.executable, '-m', 'st_tf.train', *arguments], check=True, stdout=subprocess.DEVNULL)
  return json.loads((ticket / 'ticket.json').read_text(encoding='utf-8'))['metrics']['validation']['top1']


if __name__ == '__main__':
  command.run(main)
