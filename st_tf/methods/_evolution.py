"""What keras-tuner needs to evolve networks: an oracle that proposes the children, and what has become of each candidate, on disk.

A child depends on the generations before its own and on nothing else, so that a search comes to the same whatever the number of workers:
who asks while a generation before is still being trained waits. A worker holds a lock as long as it lives; the chief hands out anew
what one has left that has died.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
import contextlib
import dataclasses
import json
import pathlib
import sys
import threading
from typing import Any

import keras_tuner as kt

from st_tf import files, plain
from st_tf.arch.genome import Genome
from st_tf.arch.spaces import Space
from st_tf.config import ConfigError
from st_tf.methods._oracles import Durable, forget
from st_tf.methods._tuning import OBJECTIVE, VARIABLES
from st_tf.runs.folder import WorkdirError
from st_tf.runs.lock import Lock
from st_tf.search import evolution
from st_tf.search.breeding import Bound
from st_tf.search.evolution import Candidate, Rules
from st_tf.ticket.facts import TrainingCost

_BETWEEN_ROUNDS = 3.0  # Seconds after which the chief looks again who is alive.
_RECORD = {'ticket': str | None, 'macs': int, 'fitness': float | None, 'training': TrainingCost, 'folder': str}


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What has become of a candidate.

  Attributes:
    ticket: the genome that is left of it; None = it could not be trained.
    macs: of what is left.
    fitness: its score; None likewise.
    training: what it cost.
    folder: name of the stage where its ticket is.
  """

  ticket: Genome | None
  macs: int
  fitness: float | None
  training: TrainingCost
  folder: str


class Outcomes:
  """What has become of all candidates, a file each in a folder that the processes of a search share.

  Args:
    folder: where they are.
  """

  def __init__(self, folder: pathlib.Path):
    self._folder = folder

  def write(self, number: int, outcome: Outcome) -> None:
    """Notes an outcome.

    Raises:
      OSError: it cannot be written.
    """
    self._folder.mkdir(parents=True, exist_ok=True)
    facts = dataclasses.asdict(outcome) | {'ticket': outcome.ticket and outcome.ticket.to_text()}
    files.write_text(self._path(number), json.dumps(plain.sealed(facts)) + '\n')

  def read(self, number: int) -> Outcome:
    """The outcome of a candidate.

    Raises:
      WorkdirError: it is not there, or damaged.
    """
    try:
      facts = plain.unsealed(plain.read(self._path(number)))
      for name, kind in _RECORD.items():
        plain.check(facts.get(name), kind, name)
      genome = None if facts['ticket'] is None else Genome.from_text(facts['ticket'])
      return Outcome(genome, facts['macs'], facts['fitness'], TrainingCost(**facts['training']), facts['folder'])
    except (ValueError, TypeError) as error:
      raise WorkdirError(
        f'A search reads what has become of its candidates. Received: {error} in {self._folder}. Give the same command again, to all'
        ' processes that share the search: it starts anew and takes over what was trained.'
      ) from error

  def _path(self, number: int) -> pathlib.Path:
    return self._folder / f'{number:04d}.json'


@dataclasses.dataclass(frozen=True)
class Evolution:
  """How the next candidate comes to be.

  Attributes:
    space: of the genomes.
    rules: of the evolution.
    bound: what a candidate may cost; of its MACs the rules decide.
    price: multiply-accumulates that the training of a genome takes at most.
    seed: of all chance.
  """

  space: Space
  rules: Rules
  bound: Bound
  price: Callable[[Genome], int]
  seed: int

  def following(self, tried: Sequence[Candidate], running: Collection[int] = ()) -> tuple[str, Candidate | None]:
    """(what keras-tuner calls a status, the next candidate): 'RUNNING' with one, 'IDLE' = others have to end first, 'STOPPED'.

    A generation for which the budget is too small, or in which chance finds no new genome, ends early; what its trainings have taken
    less than was reckoned is for the next. One that failed counts as was reckoned, so that failures come to an end too; where all
    of the first generation have, nothing follows.

    Args:
      tried: all candidates so far, those that are being trained too.
      running: numbers of the latter.

    Raises:
      TooSmall: no member of the space keeps to the bound.
    """
    generation = tried[-1].generation if tried else 0
    before = [one for one in tried if one.generation < generation]
    place = len(tried) - len(before)
    child = self._affordable(before, place) if place < self.rules.size_of(generation) else None
    if child is None and tried:
      if running:
        return 'IDLE', None
      child = self._affordable(tried, 0) if any(one.fitness is not None for one in tried) else None
    return ('RUNNING', child) if child else ('STOPPED', None)

  def _affordable(self, before: Sequence[Candidate], place: int) -> Candidate | None:
    """The candidate of that place in its generation, unless the budget is too small for it and those before it, or none is new."""
    spent = sum(one.spent if one.fitness is not None else self.price(one.genome) for one in before)
    bound = dataclasses.replace(self.bound, macs=self.rules.bound(spent) / self.rules.share)
    siblings: list[Candidate] = []
    while len(siblings) <= place:
      child = evolution.proposed(before, siblings, self.space, self.rules, bound, self.seed)
      if child is None:
        return None
      siblings.append(child)
      spent += self.price(child.genome)
    return siblings[-1] if spent <= self.rules.budget else None


class EvolutionOracle(Durable, kt.Oracle):
  """keras-tuner's, of which evolution chooses the values.

  Args:
    evolves: how the next candidate comes to be.
    outcomes: of those before.
    workers: folder in which each worker has its lock.
  """

  def __init__(self, evolves: Evolution, outcomes: Outcomes, workers: pathlib.Path):
    # To keras-tuner a seed of 0 is none. After three failures in a row it would give up.
    objective = kt.Objective(OBJECTIVE, 'max')
    super().__init__(objective, None, kt.HyperParameters(), seed=evolves.seed + 1, max_consecutive_failed_trials=sys.maxsize)
    self._evolves, self._outcomes, self._workers = evolves, outcomes, workers

  def populate_space(self, trial_id: str) -> dict[str, Any]:
    """The values of a trial: the genome, and where it comes from; none where of a candidate cannot be read what has become of it.

    The search then ends in all processes, and says so: keras-tuner would never let go of its lock, and a chief wait forever.
    """
    try:
      tried = self.tried()
    except WorkdirError:
      return {'status': 'STOPPED'}
    status, child = self._evolves.following(tried, [int(trial.trial_id) for trial in self.trials.values() if not _has_ended(trial)])
    return {'status': status, 'values': values_of(child)} if child else {'status': status}

  def tried(self) -> list[Candidate]:
    """All candidates so far, with what has become of them.

    Raises:
      WorkdirError: of one this cannot be read.
    """
    return [candidate_of(self.trials[key], self._outcomes) for key in sorted(self.trials, key=int)]

  def forget_the_dead(self) -> None:
    """Takes back what a worker that has died was training: the next that asks goes on with it."""
    for name in [*self.tuner_ids]:
      if (self._workers / name).is_dir() and not _is_alive(self._workers / name):
        forget(self, name)


@contextlib.contextmanager
def at_work(folder: pathlib.Path, name: str) -> Iterator[None]:
  """Holds the lock by which a chief knows that a worker is alive.

  Args:
    folder: of all workers of a search, which they share with their chief.
    name: of the worker.

  Raises:
    ConfigError: another process has that name.
  """
  (folder / name).mkdir(parents=True, exist_ok=True)
  try:
    lock = Lock(folder / name)
  except BlockingIOError as error:
    raise ConfigError(f'Each worker has a name of its own. Received: {VARIABLES[0]}={name}, which another one has. Choose one.') from error
  try:
    yield
  finally:
    lock.release()


@contextlib.contextmanager
def watching(oracle: EvolutionOracle) -> Iterator[None]:
  """Looks from time to time, in a thread, who has died."""
  ended = threading.Event()

  def watch() -> None:
    while not ended.wait(_BETWEEN_ROUNDS):
      oracle.forget_the_dead()

  thread = threading.Thread(target=watch, daemon=True)
  thread.start()
  try:
    yield
  finally:
    ended.set()
    thread.join()


def values_of(candidate: Candidate) -> dict[str, Any]:
  """What keras-tuner calls the values of a trial."""
  lists = {'parents': candidate.parents, 'origins': candidate.origins}
  written = {name: ','.join(map(str, numbers)) for name, numbers in lists.items()}
  return {'genome': candidate.genome.to_text(), 'generation': candidate.generation, **written}


def candidate_of(trial: Any, outcomes: Outcomes) -> Candidate:
  """The candidate that a trial of keras-tuner is; with its outcome, where it has ended.

  Raises:
    WorkdirError: the outcome of one that has ended is not there, or damaged.
  """
  values, number = trial.hyperparameters.values, int(trial.trial_id)
  parents, origins = (tuple(int(part) for part in values[name].split(',') if part) for name in ('parents', 'origins'))
  found = Candidate(number, int(values['generation']), Genome.from_text(values['genome']), parents, origins)
  if not _has_ended(trial):
    return found
  outcome = outcomes.read(number)
  return dataclasses.replace(found, ticket=outcome.ticket, macs=outcome.macs, fitness=outcome.fitness, spent=outcome.training.macs)


def _has_ended(trial: Any) -> bool:
  return trial.status in ('COMPLETED', 'FAILED')


def _is_alive(folder: pathlib.Path) -> bool:
  try:
    Lock(folder).release()
  except OSError:  # Somebody holds it, or nobody can tell.
    return True
  return False
