"""Compares ways to find an efficient network on a task: accuracy, size, and what the training has cost.

  python -m st_tf.compare --task=cifar100 --methods=supertickets,search_then_prune,gmp --sparsities=0.9,0.98 --seeds=3

Every run is a process of its own; finished ones are kept, interrupted ones go on, and a failed one is a line in the table. Differences
are against the first method. A method may bring settings: supertickets:reactivation=masked.
"""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import pathlib
import shlex
import time
from typing import Any

from absl import flags as absl_flags

from st_tf import command, wording
from st_tf.config import Config, Identity, flags, named_files
from st_tf.config.fields import shown
from st_tf.errors import UserError

_RECORDS = 'records'
_PRIVATE = ('workdir', 'data_dir', 'jobs', 'out', 'records')
_FIRST = ('task', 'methods', 'sparsities', 'seeds', 'config')


@dataclasses.dataclass(frozen=True)
class Options:
  """What is compared."""

  methods: str = dataclasses.field(
    default='supertickets,search_then_prune,gmp', metadata={'help': 'Methods, the first of which the others are compared with.'}
  )
  sparsities: tuple[float, ...] = dataclasses.field(default=(0.8, 0.9, 0.95, 0.98), metadata={'help': 'Sparsities; a run each.'})
  seeds: int = dataclasses.field(default=3, metadata={'help': 'Runs of each, with seeds from --seed on.'})
  learning_rates: tuple[float, ...] = dataclasses.field(
    default=(), metadata={'help': 'Learning rates that each method tries once; the best on validation is used. Empty = --learning_rate.'}
  )
  budget: float = dataclasses.field(
    default=0.0,
    metadata={
      'help': 'Also compare at equal total cost: all trainings of a run together cost as much as so many epochs of the whole supernet, or'
      ' less; 0 = no.'
    },
  )
  jobs: int = dataclasses.field(default=1, metadata={'help': 'Runs at a time.'})
  workdir: str = dataclasses.field(default='', metadata={'help': 'Folder for all of it; empty = runs/compare-TASK.'})
  out: str = dataclasses.field(
    default='', metadata={'help': 'Folder for table and page, where several comparisons share a workdir and its runs; empty = the workdir.'}
  )
  records: str = dataclasses.field(
    default='',
    metadata={
      'help': 'Folder of small files on finished runs, from which the table is made; where it is given along, another machine goes on from'
      ' there. Empty = records in the workdir.'
    },
  )
  split: str = dataclasses.field(
    default='test',
    metadata={
      'help': 'Whose scores are compared; validation, while settings are still being chosen, leaves the test split alone.',
      'choices': ('test', 'validation'),
    },
  )
  collect: bool = dataclasses.field(
    default=False, metadata={'help': 'Train nothing: make the table of the runs that are recorded, and leave out the others.'}
  )
  dry_run: bool = dataclasses.field(default=False, metadata={'help': 'Print the plan and stop.'})

  def __post_init__(self):
    for name in ('seeds', 'jobs'):
      if getattr(self, name) < 1:
        raise flags.FlagError(f'--{name} is at least 1. Received: {getattr(self, name)}.')
    if len(set(self.learning_rates)) < len(self.learning_rates):
      raise flags.FlagError(f'--learning_rates are different ones. Received: {",".join(map(str, self.learning_rates))}. Leave one out.')
    if self.budget < 0:
      raise flags.FlagError(f'--budget is not negative. Received: {self.budget:g}.')


def main(argv: Sequence[str]) -> int:
  """Runs the command; the exit code is 0, 1 when a run of the table has failed, or 130 after an interruption."""
  values = absl_flags.FlagValues()
  flags.define(values, dataclasses.fields(Options))
  flags.define_config(values)
  flags.parse(argv, values, __doc__)
  options = flags.options_from(values, Options)
  _refuse(values)
  base = flags.config_from(values)  # Mistakes are told before TensorFlow is loaded.
  if base.init_from:  # Of a flag, or of the file in --config.
    rule = 'Methods are compared from their first weights on.'
    raise flags.FlagError(
      f'{rule} Received: --init_from={base.init_from}. Leave it out; beside --config, write --init_from= without a value.'
    )
  with command.quiet_imports():
    from st_tf import train
    from st_tf.comparing import entries
  chosen = entries.entries(options.methods)
  entries.check_sparsities(options.sparsities)
  task, base = train.settled(values, base)
  base = dataclasses.replace(base, supernet=base.supernet or task.default_supernet)
  root = pathlib.Path(options.workdir or pathlib.Path('runs') / f'compare-{base.task}'.replace(':', '_').replace('/', '_')).absolute()
  comparison = Comparison(task, base, options, chosen, root, command=_command(values))
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


class Comparison:
  """One table.

  Args:
    task: what all train on.
    base: settings that all share.
    options: what is compared.
    chosen: the methods.
    root: where all of it goes.
    command: that was given, for the page.
  """

  def __init__(self, task: Any, base: Config, options: Options, chosen: Sequence[Any], root: pathlib.Path, command: str):
    from st_tf.comparing import entries, possible
    from st_tf.comparing.record import Records
    from st_tf.comparing.work import Work

    self.task, self.base, self.options, self.chosen, self.root = task, base, options, chosen, root
    self._command = command
    self._records = Records(pathlib.Path(options.records or root / _RECORDS).expanduser(), dict(task.sizes))
    self._work = Work(root, self._records, self._measured, task.primary_metric, options.jobs)
    self.rates = options.learning_rates or (base.training.learning_rate,)
    seeds = range(base.seed, base.seed + options.seeds)
    self.cells = entries.cells(chosen, options.sparsities, seeds, options.budget)
    whole = self._whole() if options.budget else 0
    begun = Identity.of(base)
    self._runs = {(cell, rate): begun.derived(entries.settings(cell, base, rate, whole)) for rate in self.rates for cell in self.cells}
    # What no run can have is refused before the first one starts; a file that settings name counts as it was then.
    for run in self._runs.values():
      entries.check(run.settings, task.steps_per_epoch(base.batch_size))
    if not options.collect:
      possible.check([self._runs[cell, self.rates[0]].settings for cell in self.cells], task)

  def _whole(self) -> int:
    """MACs of the supernet."""
    from st_tf.arch import presets
    from st_tf.models import build, cost

    return cost.of(build(presets.supernet(self.base.supernet), self.task.head, (*self.task.image_size, 3))).macs

  def plan(self) -> list[str]:
    """What will be run, and how long it takes."""
    from st_tf.api.dry_run import seconds_per_step
    from st_tf.comparing import entries

    rate = self.rates[0]
    wanted = {self._work.path(run): run for run in self._wanted({entry: rate for entry in self.chosen})}
    work = {self._work.path(run): run for run in self._trials()} | wanted  # Of mere trials only the validation score is asked.
    trainings: dict[str, float] = {}
    for run in work.values():
      trainings |= entries.trainings(run)
    splits = {path: self.options.split if path in wanted else 'validation' for path in work}
    left = [run for path, run in work.items() if not self._work.is_done(run, splits[path])]
    missing: dict[str, float] = {}
    for run in left:
      missing |= {name: epochs for name, epochs in entries.trainings(run).items() if not self._work.has_stage(name)}
    seconds = seconds_per_step(self.task, self.base) * self.task.steps_per_epoch(self.base.batch_size)
    rates = len(self.rates)
    return [
      f'Comparing {", ".join(entry.label for entry in self.chosen)} on {self.task.name}, workdir {self.root}',
      f'  runs        {len(work)}, made of {len(trainings)} trainings with {sum(trainings.values()):g} epochs in all;'
      f' {len(work) - len(left)} are finished',
      f'  rates       {rates} tried by each method on validation, at {wording.sparsity(self._trial_sparsity())} and seed {self.base.seed}'
      if rates > 1
      else f'  rate        {rate:g}, none tried',
      f'  time        about {wording.duration(seconds * sum(missing.values()))} for the epochs that are left, one run at a time and'
      ' at the speed of the whole supernet',
    ]

  def run(self) -> list[Any]:
    """Does what is missing, unless what is there is only to be collected; writes table and page, and returns the rows.

    Raises:
      UserError: nothing is there.
      KeyboardInterrupt: by the user; what was running is saved.
    """
    from st_tf.comparing import outputs, table
    from st_tf.comparing.runner import INTERRUPTED

    started = time.monotonic()
    only_collected = self.options.collect
    if not only_collected:
      self._records.check_writable()
    errors = {} if only_collected else self._work.do(self._trials(), 'learning rates', 'validation')
    if INTERRUPTED in errors.values():  # A rate is not chosen among those that happened to end.
      raise KeyboardInterrupt
    rates = {entry: self._best_rate(entry) for entry in self.chosen}
    split, metric = self.options.split, self.task.primary_metric
    errors |= {} if only_collected else self._work.do(self._wanted(rates), 'runs', split)
    used = {entry.label: self._rate(entry, rate, errors) for entry, rate in rates.items()}
    rows = table.rows(self._results(rates, errors), metric, used, split)
    out = pathlib.Path(self.options.out or self.root).absolute()
    outputs.write(out, rows, metric, f'{self.task.name}: ways to a sparse network', self._about(), self._command, split)
    print(f'\n{outputs.terminal(rows, metric, split)}\n\nTable and page: {out / "index.html"}')
    print(f'Done in {wording.duration(time.monotonic() - started)}.')
    return rows

  def _trial_sparsity(self) -> float:
    levels = sorted(self.options.sparsities)
    return levels[(len(levels) - 1) // 2]

  def _trial_cell(self, entry: Any) -> Any:
    from st_tf.comparing import entries

    return entries.cells([entry], (self._trial_sparsity(),), (self.base.seed,))[0]

  def _trial(self, entry: Any, rate: float) -> Identity:
    return self._runs[self._trial_cell(entry), rate]

  def _trials(self) -> list[Identity]:
    """The runs that find each method's learning rate."""
    return [self._trial(entry, rate) for entry in self.chosen for rate in self.rates] if len(self.rates) > 1 else []

  def _wanted(self, rates: Mapping[Any, float]) -> list[Identity]:
    """The runs of the table."""
    return [self._runs[cell, rates[cell.entry]] for cell in self.cells]

  def _best_rate(self, entry: Any) -> float:
    if len(self.rates) < 2:
      return self.rates[0]
    found = {rate: self._work.find(self._trial(entry, rate), 'validation') for rate in self.rates}
    scores = {rate: record.metrics['validation'][self.task.primary_metric] for rate, record in found.items() if record is not None}
    return max(scores, key=scores.get) if scores else self.rates[0]

  def _rate(self, entry: Any, chosen: float, errors: Mapping[pathlib.Path, str]) -> Any:
    """The learning rate of a method; one that brings its own tries no other."""
    from st_tf.comparing.table import Rate

    trials = {self._trial(entry, rate) for rate in self.rates}
    unscored = [run for run in trials if self._work.find(run, 'validation') is None] if len(trials) > 1 else []
    untried = [run for run in unscored if self._work.path(run) not in errors]
    told = sorted((run.settings.training.learning_rate, errors.get(self._work.path(run), 'no score is recorded')) for run in unscored)
    return Rate(
      self._trial(entry, chosen).settings.training.learning_rate,
      len(trials) - len(untried),
      len(trials) - len(unscored),
      tuple(f'learning rate {rate:g} on validation: {error}' for rate, error in told),
    )

  def _results(self, rates: Mapping[Any, float], errors: Mapping[pathlib.Path, str]) -> list[Any]:
    """The runs of the table."""
    from st_tf.comparing.table import Result

    results = []
    for cell in self.cells:
      run = self._runs[cell, rates[cell.entry]]
      record = self._work.find(run, self.options.split)
      if self.options.collect and record is None:
        continue
      error = '' if record else errors.get(self._work.path(run), 'no ticket is there')
      results.append(Result(cell.entry.label, cell.sparsity, cell.seed, cell.budget, record, error))
    if not results:
      rule = '--collect makes a table of recorded runs.'
      raise UserError(f'{rule} Received: none with these settings in {self._work.records.folder}. Give --records=FOLDER, or train some.')
    first = self.chosen[0].label
    if results[0].label != first:
      raise UserError(f'The others are compared with the first method. Received: no recorded run of {first}. Begin with another one.')
    return results

  def _measured(self, path: pathlib.Path, split: str) -> Any:
    """The record of the ticket at `path`; where the test split's scores are wanted it is scored there, once."""
    from st_tf.api.delivery import scored
    from st_tf.comparing.record import Record
    from st_tf.ticket import Ticket
    from tflite.deployment import of_ticket
    from tflite.encode import encode

    ticket = Ticket.load(path)
    self._records.check_data(ticket.provenance.get('examples', {}), f'for {path}')
    if split == 'test':
      ticket = scored(path, self.task, self.base.batch_size)
    network = of_ticket(ticket)
    content = encode(network.function, ticket.input_shape, sparse=bool(ticket.masks), variables=network.variables)
    return Record.of(ticket, len(content))

  def _about(self) -> list[str]:
    sizes = ', '.join(f'{count:,} {split}' for split, count in self.task.sizes.items())
    searched = 'settings were chosen on the validation split'
    if self.options.split == 'test':
      searched += ', and each ticket was scored once on the test split'
    return [
      f'{self.task.name} ({sizes} images), supernet {pathlib.Path(self.base.supernet).name}, {self.base.epochs} epochs per training where a'
      f' method brings no other number, batch {self.base.batch_size}, seeds from {self.base.seed}; {searched}.',
      'A training MAC is one of the network as it is computed: a training image costs three forward passes, units that have gone cost'
      ' nothing, zeros cost what other weights do. Training that is shared between methods counts in full for each.',
      'Sparsity is a share of the prunable weights that are left by the search; without a search, of the supernet. The same share is'
      ' therefore fewer weights after a search: sizes are compared by the columns of non-zero MACs and parameters.',
      *(['What finding a learning rate has cost is not counted.'] if len(self.rates) > 1 else []),
      *self._departures(),
    ]

  def _departures(self) -> Iterator[str]:
    """Where a method is set otherwise than published."""
    from st_tf.comparing.entries import departures

    for entry in self.chosen:
      told = [f'--{name}={shown(here)} (published: {shown(there)})' for name, (here, there) in departures(entry, self.base).items()]
      if told:
        yield f'{entry.label} has settings here that are not the published ones: {", ".join(told)}.'


def _command(values: absl_flags.FlagValues) -> str:
  """The command that was given; of what lies on this machine, the names."""
  given = {name: shown(values[name].value) for name in values if values[name].present and name not in _PRIVATE}
  words = [f'--{name}={named_files.without_folder(text)}' for name, text in sorted(given.items(), key=lambda item: item[0] not in _FIRST)]
  return shlex.join(['python', '-m', 'st_tf.compare', *words])


def _refuse(values: absl_flags.FlagValues) -> None:
  instead = {'method': '--methods', 'sparsity': '--sparsities'}
  given = flags.given_settings(values)
  for name, flag in instead.items():
    if name in given:
      raise flags.FlagError(f'A comparison takes {flag}. Received: --{name}. Write {flag}=...')
  if 'learning_rate' in given and values['learning_rates'].present:
    raise flags.FlagError('Learning rates are tried, or one is given. Received: --learning_rates and --learning_rate. Leave out one.')


if __name__ == '__main__':
  command.run(main)
