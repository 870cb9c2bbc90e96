"""One comparison: which runs it is made of, doing them, and the table that they come to."""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import pathlib
import time

from st_tf import processes, wording
from st_tf.api import delivery, drawing, dry_run
from st_tf.comparing import budget, entries, outputs, possible, table
from st_tf.comparing.cluster import launching
from st_tf.comparing.entries import Cell, Entry, departures
from st_tf.comparing.options import Options
from st_tf.comparing.record import Record, Records
from st_tf.comparing.table import Rate, Result, Row
from st_tf.comparing.work import Work
from st_tf.config import Config, Identity
from st_tf.config.fields import shown
from st_tf.config.request import Request
from st_tf.errors import UserError
from st_tf.files import expanded
from st_tf.models import build, cost
from st_tf.runs import lock
from st_tf.runs.start import supernet
from st_tf.task import Task
from st_tf.task.baselines import Baselines
from st_tf.ticket import Ticket
from st_tf.training.meter import STEP_PASSES

_RECORDS = 'records'
_LOADING = 10.0  # Seconds; on a quiet machine of two cores.
_BUILDINGS = 2  # Of a training's network: at its start, and after a shrink or at its delivery.


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

  def __init__(self, task: Task, base: Config, options: Options, chosen: Sequence[Entry], root: pathlib.Path, command: str, loading: float):
    self.task, self.base, self.options, self.chosen, self.root = task, base, options, chosen, root
    self._command, self._loading, self._simple = command, loading, Baselines(task)
    self._records = Records(expanded(options.records or root / _RECORDS), dict(task.sizes))
    self._work = Work(root, self._records, self._measured, task.primary_metric, *launching(root, options))
    self.rates = options.learning_rates or (base.training.learning_rate,)
    seeds = range(base.seed, base.seed + options.seeds)
    self.cells = entries.cells(chosen, options.sparsities, seeds, options.budget)
    whole = self._whole() if options.budget else 0
    begun = Identity.of(base, task.contents)  # A file that settings name counts as it is now.
    self._runs = {(cell, rate): begun.derived(entries.config_of(cell, base, rate, whole)) for rate in self.rates for cell in self.cells}
    # What no run can have is refused before the first one starts.
    for run in self._runs.values():
      entries.check(run.settings, task.steps_per_epoch(base.batch_size))
    if not options.collect:
      possible.check([self._runs[cell, self.rates[0]].settings for cell in self.cells], task)

  @classmethod
  def prepared(cls, request: Request, options: Options, command: str, loading: float = _LOADING) -> 'Comparison':
    """The comparison that a request comes to; nothing is trained yet.

    Args:
      request: what is wanted of all trainings.
      options: what is compared.
      command: that was given, for the page.
      loading: seconds that a process takes to load TensorFlow.

    Raises:
      UserError: no such method or task, or settings that a run cannot have.
    """
    chosen = entries.entries(options.methods)
    entries.check_sparsities(options.sparsities)
    task, base = drawing.prepared(request, jobs=options.jobs, chosen=[entry.method for entry in chosen])
    base = drawing.with_supernet(task, base)
    drawing.tell_of_few_steps(task, base)
    root = options.workdir or pathlib.Path('runs') / f'compare-{base.task}'.replace(':', '_').replace('/', '_')
    return cls(task, base, options, chosen, pathlib.Path(root).absolute(), command, loading)

  @property
  def out(self) -> pathlib.Path:
    """Folder for table and page."""
    return pathlib.Path(self.options.out or self.root).absolute()

  def _whole(self) -> int:
    """MACs of the supernet."""
    return cost.of(build(supernet(self.base.supernet, self.task, self.base), self.task.head, (*self.task.image_size, 3))).macs

  def plan(self) -> list[str]:
    """What will be run, and how long it takes."""
    rate = self.rates[0]
    wanted = {self._work.path(run): run for run in self._wanted({entry: rate for entry in self.chosen})}
    work = {self._work.path(run): run for run in self._trials()} | wanted  # Of mere trials only the validation score is asked.
    trainings: dict[str, float] = {}
    for run in work.values():
      trainings |= budget.trainings(run)
    splits = {path: self.options.split if path in wanted else 'validation' for path in work}
    left = [run for path, run in work.items() if not self._work.is_done(run, splits[path])]
    missing: dict[str, float] = {}
    for run in left:
      missing |= {name: epochs for name, epochs in budget.trainings(run).items() if not self._work.has_stage(name)}
    seconds = self._seconds(sum(missing.values()), len(missing), len(left))
    rates = len(self.rates)
    return [
      f'Comparing {", ".join(entry.label for entry in self.chosen)} on {self.task.name}, workdir {self.root}',
      f'  runs        {len(work)}, made of {len(trainings)} trainings with {sum(trainings.values()):g} epochs in all;'
      f' {len(work) - len(left)} are finished',
      f'  rates       {rates} tried by each method on validation, at {wording.sparsity(self._trial_sparsity())} and seed {self.base.seed}'
      if rates > 1
      else f'  rate        {rate:g}, none tried',
      f'  time        about {wording.duration(seconds)} for what is left, one run at a time and at the whole supernet’s speed: epochs with'
      ' their evaluation, the starts of processes, building networks',
    ]

  def _seconds(self, epochs: float, trainings: int, runs: int) -> float:
    """What so many epochs of so many trainings take in so many processes."""
    task, batch = self.task, self.base.batch_size
    first, step = dry_run.seconds_of_steps(task, self.base)
    evaluation = task.scored('validation') / (STEP_PASSES * batch)
    return epochs * step * (task.steps_per_epoch(batch) + evaluation) + trainings * _BUILDINGS * first + runs * self._loading

  def run(self) -> list[Row]:
    """Does what is missing, unless what is there is only to be collected; writes table and page, and returns the rows.

    Raises:
      UserError: nothing is there.
      KeyboardInterrupt: by the user; what was running is saved.
    """
    if self.options.collect:
      return self._run()
    with self._alone():
      return self._run()

  @contextlib.contextmanager
  def _alone(self) -> Iterator[None]:
    """Keeps other comparisons out of the folder, whose tables would tell of runs that this one has in hand.

    Raises:
      UserError: another one is at it, or it cannot be written.
    """
    try:
      self.root.mkdir(parents=True, exist_ok=True)
      held = lock.Lock(self.root)
    except BlockingIOError as error:
      raise UserError(
        f'One comparison at a time goes on in a folder. Received: {self.root}, where another process compares. Wait for it, or use another'
        ' --workdir; --collect=true makes a table of what is finished.'
      ) from error
    except OSError as error:
      raise UserError(f'--workdir is a folder that can be written. Received: {self.root} ({error}). Choose another.') from error
    try:
      yield
    finally:
      held.release()

  def _run(self) -> list[Row]:
    started = time.monotonic()
    only_collected = self.options.collect
    if not only_collected:
      self._records.check_writable()
    errors = {} if only_collected else self._work.do(self._trials(), 'learning rates', 'validation')
    if processes.INTERRUPTED in errors.values():  # A rate is not chosen among those that happened to end.
      raise KeyboardInterrupt
    rates = {entry: self._best_rate(entry) for entry in self.chosen}
    split, metric = self.options.split, self.task.primary_metric
    errors |= {} if only_collected else self._work.do(self._wanted(rates), 'runs', split)
    used = {entry.label: self._rate(entry, rate, errors) for entry, rate in rates.items()}
    rows = table.rows(self._results(rates, errors), metric, used, split)
    outputs.write(
      self.out, rows, metric, f'{wording.task_title(self.task.name)}: ways to a sparse network', self._about(), self._command, split
    )
    print(f'\n{outputs.terminal(rows, metric, split)}\n\nTable and page: {self.out / "index.html"}')
    print(f'Done in {wording.duration(time.monotonic() - started)}.')
    return rows

  def _trial_sparsity(self) -> float:
    levels = sorted(self.options.sparsities)
    return levels[(len(levels) - 1) // 2]

  def _trial_cell(self, entry: Entry) -> Cell:

    return entries.cells([entry], (self._trial_sparsity(),), (self.base.seed,))[0]

  def _trial(self, entry: Entry, rate: float) -> Identity:
    return self._runs[self._trial_cell(entry), rate]

  def _trials(self) -> list[Identity]:
    """The runs that find each method's learning rate."""
    return [self._trial(entry, rate) for entry in self.chosen for rate in self.rates] if len(self.rates) > 1 else []

  def _wanted(self, rates: Mapping[Entry, float]) -> list[Identity]:
    """The runs of the table."""
    return [self._runs[cell, rates[cell.entry]] for cell in self.cells]

  def _best_rate(self, entry: Entry) -> float:
    if len(self.rates) < 2:
      return self.rates[0]
    records = {rate: self._work.find(self._trial(entry, rate), 'validation') for rate in self.rates}
    scores = {rate: record.metrics['validation'][self.task.primary_metric] for rate, record in records.items() if record is not None}
    return max(scores, key=scores.get) if scores else self.rates[0]

  def _rate(self, entry: Entry, chosen: float, errors: Mapping[pathlib.Path, str]) -> Rate:
    """The learning rate of a method; one that brings its own tries no other."""

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

  def _results(self, rates: Mapping[Entry, float], errors: Mapping[pathlib.Path, str]) -> list[Result]:
    """The runs of the table."""

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

  def _measured(self, path: pathlib.Path, split: str) -> Record:
    """The record of the ticket at `path`; where the test split's scores are wanted it is scored there, once."""

    ticket = Ticket.load(path)
    self._records.check_data(ticket.provenance.examples, f'for {path}')
    if split == 'test':
      ticket = delivery.scored(path, self.task, self.base.batch_size, self._simple)
    return Record.of(ticket, delivery.stored_bytes(ticket))

  def _about(self) -> list[str]:
    sizes = ', '.join(f'{count:,} {split}' for split, count in self.task.sizes.items())
    searched = 'settings were chosen on the validation split'
    if self.options.split == 'test':
      searched += ', and each ticket was scored once on the test split'
    simple = drawing.to_beat(self.task, self._simple, self.options.split)
    return [
      f'{self.task.name} ({sizes} images), supernet {pathlib.Path(self.base.supernet).name}, {self.base.epochs} epochs per training where a'
      f' method brings no other number, batch {self.base.batch_size}, seeds from {self.base.seed}; {searched}.',
      *([f'To beat: {simple}.'] if simple else []),
      'A training MAC is one of the network as it is computed: a training image costs three forward passes, units that have gone cost'
      ' nothing, zeros cost what other weights do. Training that is shared between methods counts in full for each.',
      'Sparsity is a share of the prunable weights that are left by the search; without a search, of the supernet. The same share is'
      ' therefore fewer weights after a search: sizes are compared by the columns of non-zero MACs and parameters.',
      *(['What finding a learning rate has cost is not counted.'] if len(self.rates) > 1 else []),
      *self._departures(),
    ]

  def _departures(self) -> Iterator[str]:
    """Where a method is set otherwise than published."""

    for entry in self.chosen:
      told = [f'--{name}={shown(here)} (published: {shown(there)})' for name, (here, there) in departures(entry, self.base).items()]
      if told:
        yield f'{entry.label} has settings here that are not the published ones: {", ".join(told)}.'
