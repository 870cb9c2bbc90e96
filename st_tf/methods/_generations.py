"""The search of an evolution: its candidates are trained in folders of their own, and what they came to is written down.

Several processes share the trials as those of `tuner` do, by keras-tuner's variables; they share `--stages` too.
"""

from collections.abc import Sequence
import contextlib
import dataclasses
import functools
import gc
import math
import os
import pathlib
import sys
from typing import Any

from st_tf import files, wording
from st_tf.arch import presets
from st_tf.arch.genome import Genome, Site, looked_at, price
from st_tf.arch.latency import PREFIX
from st_tf.arch.space_latency import SpaceTable
from st_tf.arch.spaces import SPACES
from st_tf.config import Config, ConfigError, SearchConfig
from st_tf.methods import _candidate as candidate
from st_tf.methods import _tuning as tuning
from st_tf.methods._candidate import Beginning, Nursery, trial_config
from st_tf.methods._evolution import Evolution, EvolutionOracle, Outcome, Outcomes, at_work, candidate_of, watching
from st_tf.methods._pipeline import Pipeline, trial_epochs
from st_tf.methods._tuning import OBJECTIVE, VARIABLES, Failed
from st_tf.models import build, cost
from st_tf.runs.folder import WorkdirError, tickets
from st_tf.runs.removal import pictures_of
from st_tf.runs.teaching import teacher
from st_tf.runs.workdir import Workdir
from st_tf.search import breeding, evolution
from st_tf.search.breeding import Bound
from st_tf.search.evolution import Candidate, Rules
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.ticket.facts import TrainingCost
from st_tf.training.meter import STEP_PASSES

_SMALL = 64  # Pixels, below which images have the smaller space.


class Search:
  """An evolution, begun or continued.

  Args:
    task: what to train on.
    config: the run's settings.
    workdir: the run's folder; None where nothing is trained.

  Attributes:
    target: MACs that a network may have at the end.
    nursery: where candidates are trained.
    table: of what networks take, where milliseconds are bounded.
    evolves: how they come to be.

  Raises:
    UserError: settings with which no search is possible.
  """

  def __init__(self, task: Task, config: Config, workdir: Workdir | None = None):
    own, steps = config.evolution, task.steps_per_epoch(config.batch_size)
    self.name = own.space or ('mobilenet3_mt_small' if min(task.image_size) < _SMALL else 'mobilenet3_mt')
    space = SPACES[self.name]
    site = Site.of(space.strides, task.image_size, task.head)
    # A target that all networks meet would have small ones go on and on until as much was spent as on networks that there are not.
    self.target, self.nursery = min(_target(task, config), price(breeding.largest(space), site).macs), Nursery(space, site)
    each = trial_epochs(config) * steps * config.batch_size * STEP_PASSES
    taught = teacher(task, config)
    lessons = each // STEP_PASSES * taught.macs if taught else 0  # Its forward passes in one training.
    budget = config.tuner.trials * (each * self.target + lessons)
    looks = pictures_of(task, config.batch_size) if candidate.share_kept(own) < 1 else 0
    rules = Rules(own.population, own.largest_share, own.first_macs, self.target, budget, own.evolve, candidate.share_kept(own))
    self.table, milliseconds = None, config.search.target_latency_ms
    bound = Bound(lambda genome: price(genome, site), self.target, own.target_params)
    if milliseconds:
      self.table = SpaceTable.load(config.search.cost.removeprefix(PREFIX))
      self.table.check(self.name, site)
      bound = dataclasses.replace(bound, milliseconds=milliseconds, latency=self.table.milliseconds)

    def whole(genome: Genome) -> int:
      macs = price(genome, site).macs
      return each * macs + lessons + (looks * (macs + looked_at(genome, site)) if looks else 0)

    self.evolves = Evolution(space, rules, bound, whole, config.seed)
    self._task, self._config, self._workdir = task, config, workdir
    self._check_bound()
    self._check_budget()

  def _check_bound(self) -> None:
    bound, smallest = self.evolves.bound, breeding.smallest(self.nursery.space)
    least, asked, latency = bound.price(smallest), self._config.search.target_macs, bound.latency(smallest)
    means = f', which is {self.target:,.0f}' if asked <= 1 else ''
    for name, is_met, fewest, received in (
      ('target_macs', least.macs <= self.target, f'{least.macs:,}', f'{asked:g}{means}'),
      ('target_params', not bound.params or least.params <= bound.params, f'{least.params:,}', f'{bound.params}'),
      (
        'target_latency_ms',
        not bound.milliseconds or latency <= bound.milliseconds,
        f'{math.ceil(1000 * latency) / 1000:g}',
        f'{bound.milliseconds:g}',
      ),
    ):
      if not is_met:
        raise ConfigError(
          f'--{name} is at least that of the smallest network of the space {self.name}, {fewest} here. Received: {received}.'
          ' Raise it, or choose another --space.'
        )

  def _check_budget(self) -> None:
    if self.evolves.following([])[1] is None:
      raise ConfigError(
        '--trials lasts for one network at least, with the look at its channels. Received:'
        f' {self._config.tuner.trials}. Raise it, or --trial_epochs; --ticket_macs=1 looks at no channels.'
      )

  def run(self) -> tuple[Candidate, ...]:
    """All candidates, trained unless they are there; none in a worker, which does not know those of the others.

    Raises:
      Interrupted: by a signal; the same command continues.
      ConfigError: no network could be trained, or the processes do not reach each other.
    """
    search = self._alone()
    self._folder = self._workdir.stage_path(search)
    self._outcomes = Outcomes(self._folder / 'candidates')
    if tuning.role(os.environ) == 'worker':
      with at_work(self._folder / 'workers', os.environ[VARIABLES[0]]):
        tuning.search(self._tuner(self._workdir.path / 'tuner'), 'worker')
      return ()
    with self._workdir.stage(self._folder, search) as owner:  # A folder that runs with the same search share.
      tuner = self._tuner(owner.path / 'tuner')
      if not (owner.is_finished and tuner.oracle.trials):  # A chief would wait for workers that have ended.
        with self._workdir.process.sharing(tuner.oracle):
          who = tuning.role(os.environ)
          with watching(tuner.oracle) if who == 'chief' else contextlib.nullcontext():
            tuning.search(tuner, who)
      tried = tuple(tuner.oracle.tried())
      if not any(one.fitness is not None for one in tried):
        raise ConfigError(
          f'At least one network of the first generation can be trained. Received: {len(tried)} that failed, as their lines say. Where a'
          ' loss became no finite number, try a lower --learning_rate, --gradient_clip=1 or a longer --warmup, with --fresh or another'
          ' --workdir.'
        )
      owner.finish()
    best = evolution.best(tried, self.target, 1)[0]
    print(f'best        candidate {best.number + 1}: {self._described(best)}', flush=True)
    return tried

  def first(self) -> Candidate:
    """The first candidate."""
    return self.evolves.following([])[1]

  def continued(self, one: Candidate) -> Beginning:
    """What the last training of a candidate begins with: its ticket, or with inheritance off its genome alone."""
    if not self._config.evolution.inherit:
      return Beginning(one.ticket)
    return Beginning(one.ticket, (self._ticket(one.number),), (0,) * len(self.nursery.space.stages))

  def charged(self, finals: dict[int, Ticket], tried: Sequence[Candidate], lost: Sequence[TrainingCost] = ()) -> Ticket:
    """The best of the last trainings' tickets, with what all candidates and last trainings cost, and what they came to.

    Args:
      finals: tickets by the number of the candidate.
      tried: all candidates.
      lost: what last trainings took that failed.
    """
    metric = self._task.primary_metric
    scores = {number: ticket.metrics['validation'][metric] for number, ticket in finals.items()}
    best = max(scores, key=scores.get)  # The first of several.
    outcomes = [self._outcomes.read(one.number) for one in tried]
    total = sum(
      (*(outcome.training for outcome in outcomes), *(ticket.provenance.all_training for ticket in finals.values()), *lost), TrainingCost()
    )
    facts = [
      _facts(one) | ({'final': scores[one.number], 'is_winner': one.number == best} if one.number in scores else {}) for one in tried
    ]
    ticket, latency = finals[best], None
    if self.table:
      genome = candidate.genome_of(ticket.arch, {one.number: one.genome for one in tried}[best])
      latency = {'milliseconds': self.table.milliseconds(genome), 'table': dict(self.table.settings)}
    provenance = dataclasses.replace(ticket.provenance, training=total, trials=facts, latency=latency)
    return dataclasses.replace(ticket, provenance=provenance)

  def _alone(self) -> Config:
    """The settings that a search depends on."""
    own = dataclasses.replace(self._config.evolution, finalists=1)
    asked = self._config.search
    search = SearchConfig(target_macs=asked.target_macs, target_latency_ms=asked.target_latency_ms, cost=asked.cost)
    trials = dataclasses.replace(self._config.tuner, tuner='random')
    return dataclasses.replace(trial_config(self._config), supernet=self._config.supernet, search=search, evolution=own, tuner=trials)

  def _tuner(self, folder: pathlib.Path) -> tuning.Tuner:
    def made() -> tuning.Tuner:
      oracle = EvolutionOracle(self.evolves, self._outcomes, self._folder / 'workers')
      tuner = tuning.Tuner(self._run, oracle, folder)
      oracle.tried()  # All that have ended have left something that can be read.
      return tuner

    try:
      return made()
    except (ValueError, KeyError, TypeError, RuntimeError, WorkdirError) as error:
      print(f'warning: {folder} is damaged ({error}); the search starts anew and takes over what was trained.', file=sys.stderr)
      files.remove(folder)
      return made()

  def _run(self, given: Any) -> dict[str, float]:
    """Trains what keras-tuner calls a trial."""
    if not (self._folder / 'tuner').is_dir():
      raise ConfigError(
        f'Processes that share a search share the folder of its trainings. Received: no search in {self._folder}. Give all one --stages.'
      )
    one = candidate_of(given, self._outcomes)
    settings = trial_config(self._config)
    try:
      inherits = self._config.evolution.inherit
      beginning = Beginning(one.genome, tuple(map(self._ticket, one.parents)) if inherits else (), one.origins if inherits else ())
      # A pipeline of its own, that the locks of its folders end with it: another worker may want the same one.
      pipeline = Pipeline(self._task, self._config, self._workdir)
      ticket = pipeline.stage(settings, functools.partial(self.nursery.drawn, beginning), beginning)
    except Failed as failure:
      self._outcomes.write(one.number, Outcome(None, self.evolves.bound.price(one.genome).macs, None, failure.training, ''))
      self._tell(one, f'failed: {failure}')
      raise
    finally:
      gc.collect()
    fitness, spent = ticket.metrics['validation'][self._task.primary_metric], ticket.provenance.all_training
    left, folder = candidate.genome_of(ticket.arch, one.genome), self._workdir.stage_path(settings, beginning.fingerprint).name
    self._outcomes.write(one.number, Outcome(left, ticket.cost.macs, fitness, spent, folder))
    self._tell(one, self._described(dataclasses.replace(one, macs=ticket.cost.macs, fitness=fitness)))
    return {OBJECTIVE: fitness} | dataclasses.asdict(spent)

  def _ticket(self, number: int) -> Ticket:
    """The ticket of a candidate that was trained."""
    path = self._folder.parent / self._outcomes.read(number).folder
    found = tickets(path)
    if len(found) != 1:
      raise WorkdirError(f'A search keeps what its candidates were trained to. Received: none in {path}. Start over, by --fresh.')
    return Ticket.load(found[0])

  def _tell(self, one: Candidate, outcome: str) -> None:
    print(f'candidate {one.number + 1:>3}  generation {one.generation}  {outcome}', flush=True)

  def _described(self, one: Candidate) -> str:
    metric = self._task.primary_metric
    return (
      f'{one.macs:,} MACs ({one.macs / self.target:.0%} of the target)  {wording.score_name(metric)} {wording.score(metric, one.fitness)}'
    )


def _target(task: Task, config: Config) -> float:
  """MACs that a network may have at the end; a share is of the supernet's."""
  if config.search.target_macs > 1:
    return config.search.target_macs
  arch = presets.supernet(config.supernet or task.default_supernet)
  return tuning.bound(config, cost.of(build(arch, task.head, (*task.image_size, 3))).macs)


def _facts(one: Candidate) -> dict[str, Any]:
  """What a ticket says of a candidate."""
  told = {'number': one.number + 1, 'generation': one.generation, 'parents': [parent + 1 for parent in one.parents], 'macs': one.macs}
  return told | {OBJECTIVE: one.fitness, 'genome': one.genome.to_text(), 'ticket': one.ticket and one.ticket.to_text()}
