"""What several methods share: going through the epochs, searching, pruning, saving tickets."""

import collections
from collections.abc import Callable, Iterator, Mapping
import dataclasses
import math
import statistics
import sys
import time
from typing import Any

import numpy as np
import tensorflow as tf

from st_tf import wording
from st_tf.arch.graph import Graph
from st_tf.config import Config
from st_tf.errors import Interrupted
from st_tf.models import cost
from st_tf.pruning.fit import is_last, may_return
from st_tf.runs import factoring
from st_tf.runs.begun import Begun
from st_tf.runs.continuing import Sums, check_same, diverged, kept
from st_tf.runs.cutting import cut, origin
from st_tf.runs.folder import WorkdirError
from st_tf.runs.removal import remove_least_valuable
from st_tf.runs.start import fresh, load_weights
from st_tf.runs.target import alive as living
from st_tf.runs.target import check_sparsity, check_target, correct_penalty, macs_without, target_flag, trimmed
from st_tf.runs.workdir import Workdir
from st_tf.task import Task, TaskError
from st_tf.task.scoring import readable
from st_tf.ticket import Ticket
from st_tf.training import replicas
from st_tf.training.plan import Plan
from st_tf.training.state import State
from st_tf.training.trainer import Trainer

_PACE = 200  # Steps by whose time the time that is left is told.


class Run:
  """One pass through the epochs of a training, continued where an earlier process left it.

  Args:
    trainer: fresh; restored from the workdir's newest checkpoint if there is one.
    plan: what happens when.
    workdir: where state, metrics and tickets go.
    prepare: gives a fresh trainer the weights it begins with.
  """

  def __init__(self, trainer: Trainer, plan: Plan, workdir: Workdir, prepare: Callable[[Trainer], None] = load_weights):
    self.trainer = trainer
    self.plan = plan
    self.workdir = workdir
    self.task: Task = trainer.task
    self.config: Config = trainer.config
    self._process = workdir.process
    self._fingerprint = workdir.identity.derived(self.config).fingerprint
    self._sums = Sums()
    self._pace: collections.deque[float] = collections.deque(maxlen=_PACE)  # Seconds of the last steps.
    self._asked_to_stop: Callable[[], str] = lambda: ''
    self._begun = Begun(self.task, trainer.strategy)
    if plan.search_every and not isinstance(trainer.arch, Graph):
      check_target(trainer)
    check_sparsity(trainer, plan)
    self._mark = time.monotonic()  # What is prepared, such as a first mask, is part of the training.
    if self._restored():
      print(f'Continuing at step {trainer.step} of {plan.total_steps}.')
    else:
      prepare(trainer)
      if plan.removes_first:
        print('Looking for the units that are worth the least, on training pictures.', flush=True)
        self.record('shrink', **remove_least_valuable(trainer))
      elif plan.search_every and isinstance(trainer.arch, Graph):
        factoring.begin(trainer)
    workdir.history.rewind(trainer.step)

  # Epochs and batches.

  def epochs(self) -> Iterator[int]:
    """Numbers, from 0, of the epochs that are left; where the process is asked to stop, the run saves its state and ends.

    Raises:
      Interrupted: the process was asked to stop.
    """
    with self._process.stopping() as self._asked_to_stop:
      # An epoch whose steps are all taken is not over before its evaluation, which empties the sums.
      done = self.trainer.step - (1 if self._sums.batches else 0)
      yield from range(done // self.plan.steps_per_epoch, self.config.epochs)

  def batches(self, epoch: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """The batches of `epoch` that are left, with a progress bar on a terminal.

    Raises:
      TaskError: a picture cannot be read; the state is saved.
    """
    start = self.trainer.step - epoch * self.plan.steps_per_epoch
    if start == self.plan.steps_per_epoch:
      return
    data = replicas.batches(self.task, self.config, epoch, start)
    title = f'epoch {epoch + 1}/{self.config.epochs}'
    if not self.trainer.traces:
      print('Building the training step: the first one takes longest.', flush=True)
    bar = self._process.bar(data, title, self.plan.steps_per_epoch, leave=False, initial=start, disable=None, unit='step')
    for batch in self._kept_where_unreadable(readable(bar)):
      yield batch
      if self._sums.batches:
        bar.set_postfix(loss=wording.loss(self._sums.loss / self._sums.batches))
      # At the end of an epoch `end_epoch` saves, after its evaluation.
      signal = self._asked_to_stop()
      if signal and self.trainer.step < (epoch + 1) * self.plan.steps_per_epoch:
        self._save()
        self._stop(signal)

  def step(self, images: tf.Tensor, targets: tf.Tensor) -> None:
    """One training step.

    Raises:
      DivergedError: the loss is no finite number.
    """
    trainer = self.trainer
    before, traces, plan, step = self._mark, trainer.traces, self.plan, trainer.step
    loss, outputs = trainer.train(images, targets, plan.learning_rate(step), self.strength(), plan.is_quantized(step))
    self._begun.add(trainer.step, targets, loss, outputs, self._sums)
    self._count_time()
    if trainer.traces == traces:  # Building it says nothing of those that follow.
      self._pace.append(self._mark - before)

  def end_epoch(self, epoch: int) -> None:
    """Evaluates on the validation split, reports, and writes a checkpoint, also where a picture cannot be read."""
    self._begun.read(self._sums)
    trainer, sums, trained = self.trainer, self._sums, self._mark
    try:
      with trainer.evaluated(self.calibration()):
        validation = trainer.scores('validation').result()
    except TaskError as error:
      raise self._kept(error) from error
    broken = [name for name, value in trainer.values().items() if not np.isfinite(value).all()]
    if broken:
      raise diverged('Weights are finite numbers', broken[0], trainer.step)
    if not all(math.isfinite(value) for value in validation.values()):
      raise diverged('Scores on the validation split are finite numbers', validation, trainer.step)
    mask = trainer.mask
    found = cost.of(trainer.model, mask)
    self._count_time()
    row = {
      'event': 'epoch',
      'epoch': epoch + 1,
      'step': trainer.step,
      'loss': sums.loss / sums.batches,
      f'train_{self.task.training_metric or self.task.primary_metric}': sums.score / sums.batches,
      'validation': validation,
      'sparsity': mask.sparsity,
      'params': found.params,
      'macs': found.macs,
      'nonzero_params': found.nonzero_params,
      'nonzero_macs': found.nonzero_macs,
      'learning_rate': self.plan.learning_rate(trainer.step - 1),
      'penalty': self.strength(),
      'seconds': sums.seconds,
    }
    if trainer.cost_model.table is not None:
      row['latency_ms'] = trainer.price()
    self.workdir.history.record(row)
    self.workdir.history.histogram(trainer.factors(), epoch + 1)
    each = statistics.median(self._pace) * self.plan.steps_per_epoch if self._pace else sums.seconds
    left = (self.config.epochs - epoch - 1) * (each + self._mark - trained)
    print(wording.epoch(row, self.config.epochs, self.task.primary_metric, self.task.training_metric, left), flush=True)
    self._sums = Sums(trimmed=sums.trimmed)
    self._save()
    signal = self._asked_to_stop()
    if signal:
      self._stop(signal)

  def strength(self) -> float:
    """Strength of the penalty on the factors at this step."""
    search = self.config.search
    if search.has_target:
      return self.trainer.steering.strength if self.trainer.step < self.plan.search_end else 0.0
    return search.penalty * self.plan.ramp(self.trainer.step)

  def calibration(self) -> Any:
    """The batches that batch-norm statistics are recalibrated with: always the same ones."""
    count = self.config.training.recalibration_batches
    return replicas.batches(self.task, self.config, self.config.epochs).take(count)

  # Searching and pruning.

  def search(self) -> None:
    """Corrects the penalty's strength, and removes dead units when a look at the factors is due and pays."""
    trainer, plan, search = self.trainer, self.plan, self.config.search
    if search.has_target and plan.search_every:
      correct_penalty(trainer, plan)
    if not plan.is_search_due(trainer.step):
      return
    self._begun.read(self._sums)
    last = trainer.step == plan.search_end
    alive = living(trainer)
    if last and search.has_target:
      alive, self._sums.trimmed = self._trimmed(alive)
    before = trainer.macs
    saved = before - macs_without(trainer, alive)
    if saved >= search.minimum_saving * before or (last and saved > 0):
      units = sum(value.size for value in alive.values())
      trainer.shrink(alive)
      left = sum(int(np.count_nonzero(value)) for value in alive.values())
      self.record('shrink', macs_before=before, macs_after=trainer.macs, units_before=units, units_after=left, trimmed=self._sums.trimmed)
    if last:
      factoring.end(trainer)

  def _trimmed(self, alive: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], int]:
    """(the units that stay at the end of the search, how many had to go that were not dead), the latter told."""
    left = trimmed(self.trainer, alive)
    removed = sum(int(np.count_nonzero(units & ~left[name])) for name, units in alive.items())
    if removed:
      print(
        f'warning: the search ended above {target_flag(self.trainer)}. To meet it {removed:,} more units are removed, those with the'
        ' smallest factors. A longer search (--search_end, --epochs) has more time to choose.',
        file=sys.stderr,
      )
    return left, removed

  def prune(self) -> None:
    """Ranks all weights when the schedule says so, and saves the tickets whose sparsity is passed."""
    trainer, schedule = self.trainer, self.plan.pruning
    if schedule is None:
      return
    due, answer = schedule(trainer.step)
    at_end = trainer.step == self.plan.total_steps
    if trainer.final or not (bool(due) or at_end):
      return
    self._begun.read(self._sums)
    final = is_last(schedule, trainer.step) or at_end
    sparsity = self._exactly(float(answer)) if bool(due) else trainer.requested
    for level in self.config.pruning.sparsity[:-1]:
      if trainer.requested < level <= sparsity or (level == 0 and trainer.step == schedule.begin_step):
        with trainer.pruned_for_now(level):
          self.save_ticket(level)
    happened = trainer.prune(sparsity, may_return(schedule, trainer.step), final)
    self.record('prune', **happened, final=final)

  def _exactly(self, sparsity: float) -> float:
    """Schedules answer in single precision, where 0.9 is a little less than the 0.9 that was asked for."""
    return next((level for level in self.config.pruning.sparsity if abs(level - sparsity) < 1e-6), sparsity)

  def save_ticket(self, sparsity: float) -> Ticket:
    """Saves the ticket of the network as it stands.

    Raises:
      WorkdirError: it cannot be written.
    """
    rows = self.workdir.history.rows()
    seconds = sum(row.get('seconds', 0) for row in rows) + self._sums.seconds
    ticket = cut(self.trainer, self.calibration(), sparsity, origin(self.trainer, self._process.command, seconds, self._sums.trimmed))
    # Before the ticket is there, since a run that is continued then does not come here again; once, since one that was
    # stopped in between does.
    if not any(row['event'] == 'ticket' and row['sparsity'] == sparsity for row in rows):
      self.record('ticket', sparsity=sparsity, validation=ticket.metrics['validation'], nonzero_macs=ticket.cost.nonzero_macs)
    try:
      ticket.save(self.workdir.ticket_path(sparsity))
    except OSError as error:
      raise WorkdirError(f'A ticket can be written. Received: {error}. Make room and give {self._process.again} again.') from error
    return ticket

  def _restored(self) -> bool:
    """Whether the run goes on from a checkpoint: the newest that fits."""
    checkpoints, broken = self.workdir.checkpoints, None
    for state in checkpoints.readable():
      try:
        check_same(state, self.task.sizes, self._fingerprint, self.trainer.supernet, self.workdir.path)
        self.trainer.restore(state)
        self._sums = Sums(**state.facts['sums'])
        return True
      except WorkdirError:
        raise
      except (KeyError, TypeError, ValueError, AttributeError) as error:  # Of before, when facts had no digest.
        broken = state.facts['step']
        checkpoints.pass_over(f'{broken:08d}', f'{type(error).__name__}: {error}')
    if broken is not None:  # The trainer is half what was in it.
      again = f'Give {self._process.again} again, which starts from the beginning.'
      raise WorkdirError(f'A run continues from a whole checkpoint. Received: a broken one of step {broken}, which is set aside. {again}')
    return False

  def record(self, event: str, **facts: Any) -> None:
    """Appends what happened at this step to the metrics."""
    epoch = (self.trainer.step - 1) // self.plan.steps_per_epoch + 1
    self.workdir.history.record({'event': event, 'step': self.trainer.step, 'epoch': epoch, **facts})

  def _count_time(self) -> None:
    now = time.monotonic()
    self._sums.seconds += now - self._mark
    self._mark = now

  def _save(self) -> None:
    self._begun.read(self._sums)
    self._count_time()
    state = self.trainer.state()
    facts = {
      'sums': dataclasses.asdict(self._sums),
      'sizes': dict(self.task.sizes),
      'config': self._fingerprint,
    }
    self._is_saved = self.workdir.checkpoints.save(State(state.facts | facts, state.arrays))

  def _stop(self, signal: str) -> None:
    raise Interrupted(f'{signal}: {self._process.again} continues from {self._where()}.')

  def _where(self) -> str:
    return f'step {self.trainer.step}' if self._is_saved else 'the last checkpoint, since this one could not be written'

  def _kept_where_unreadable(self, batches: Iterator[Any]) -> Iterator[Any]:
    try:
      yield from batches
    except TaskError as error:
      raise self._kept(error) from error

  def _kept(self, error: TaskError) -> TaskError:
    """The state is saved where there is one; what is to be said of a picture that cannot be read."""
    if not self.trainer.step or not replicas.place(self.config).is_chief:
      return error
    self._save()
    return kept(error, self._where(), self._process.again)


def train_to_the_end(run: Run, early_step: int = 0) -> None:
  """All epochs that are left, searched and pruned as the run's plan says.

  Args:
    run: what is trained.
    early_step: the step whose weights are written down for later stages; 0 = none.
  """
  for epoch in run.epochs():
    for images, targets in run.batches(epoch):
      run.step(images, targets)
      if run.trainer.step == early_step:
        run.workdir.keep_early(run.trainer.network.folded(run.trainer.values()))
      run.search()  # Dead units go physically; masks, slots and averages follow.
      run.prune()  # All weights are ranked anew; pruned ones may return.
    run.end_epoch(epoch)


def begin(task: Task, config: Config, plan: Plan, workdir: Workdir) -> Run:
  """A run of the configured network, pruned and searched as far as `plan` says so."""
  return Run(fresh(task, config, plan), plan, workdir)
