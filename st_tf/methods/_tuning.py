"""What keras-tuner needs to search architectures: a space of them that obeys a bound, a tuner, and what chooses the next one.

How many units each group of the supernet keeps is a choice of keras-tuner's; an architecture above the bound on MACs that the
supernet's own search obeys is scaled down to it.
"""

import bisect
from collections.abc import Callable, Mapping
import contextlib
import dataclasses
from fractions import Fraction
import io
import math
import os
import pathlib
import re
import time
from typing import Any, ClassVar

import grpc
import keras_tuner as kt
import numpy as np

from st_tf.arch.graph import Architecture
from st_tf.arch.presets import supernet
from st_tf.arch.specs import ArchSpec, HeadSpec
from st_tf.config import Config, ConfigError
from st_tf.models import build, cost
from st_tf.search import importance, shrink
from st_tf.search.importance import Group
from st_tf.task import Task
from st_tf.ticket import Costs, TaskFacts, Ticket
from st_tf.ticket.facts import TrainingCost
from st_tf.training.trainer import Trainer

FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0)  # Of a group's units.
OBJECTIVE = 'validation'
VARIABLES = ('KERASTUNER_TUNER_ID', 'KERASTUNER_ORACLE_IP', 'KERASTUNER_ORACLE_PORT')
_IDLE_SECONDS = 0.2
_NAME = re.compile(r'[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}')  # Of a process: its lock has a folder of that name.


def units(values: Mapping[str, Any], groups: tuple[Group, ...]) -> dict[str, int]:
  """Units that each group keeps: its fraction of all, rounded up, so that only a fraction of 0 empties a group.

  Args:
    values: fractions by group name.
    groups: of the supernet.
  """
  return {group.name: math.ceil(values[group.name] * group.units) for group in groups}


def macs(left: Mapping[str, int], groups: tuple[Group, ...], fixed: float) -> float:
  """MACs of the network in which the groups have so many units left; `fixed` are those of what no unit carries."""
  return fixed + sum(group.macs_of(left[group.name]) for group in groups)


def within(left: Mapping[str, int], macs: Callable[[dict[str, int]], float], bound: float, least: int = 0) -> dict[str, int] | None:
  """The units times the largest common factor up to 1, rounded down, with which a network has at most `bound` MACs.

  Args:
    left: units by group name.
    macs: of a network with so many.
    bound: that is kept to.
    least: units that each group keeps.

  Returns:
    Units by group name; None when the smallest network has more.
  """

  def scaled(factor: Fraction) -> dict[str, int]:
    return {name: max(int(kept * factor), least) for name, kept in left.items()}

  # A count changes at these factors and at no others.
  factors = sorted({Fraction(1), *(Fraction(fewer, kept) for kept in left.values() for fewer in range(kept))} | {Fraction(0)})
  fitting = bisect.bisect_right(factors, bound, key=lambda factor: macs(scaled(factor)))
  return scaled(factors[fitting - 1]) if fitting else None


def arch_of(left: Mapping[str, int], supernet: ArchSpec, head: HeadSpec, groups: tuple[Group, ...]) -> ArchSpec:
  """The supernet with the first so many units of each group."""
  return shrink.shrunk_arch(supernet, head, {group.name: np.arange(group.units) < left[group.name] for group in groups})


@dataclasses.dataclass(frozen=True)
class Space:
  """Every architecture that a search may try.

  Attributes:
    supernet: what they are parts of.
    head: its head.
    shape: of an image.
    groups: of its units.
    params: its parameters.
    macs: its MACs.
    bound: MACs that an architecture may have; infinity = no bound.
    spent: what it took to know the space.
  """

  supernet: Architecture
  head: HeadSpec
  shape: tuple[int, int, int]
  groups: tuple[Group, ...]
  params: int
  macs: int
  bound: float
  spent: TrainingCost = dataclasses.field(default=TrainingCost(), kw_only=True)
  fractions: ClassVar[tuple[float, ...]] = FRACTIONS  # Of a group's units, that are tried.
  smallest: ClassVar[str] = 'without any search unit'

  @classmethod
  def of(cls, task: Task, config: Config) -> 'Space':
    """The space of a run.

    Raises:
      UserError: there is no such supernet, or no unit in it to search.
    """
    arch, shape = supernet(config.supernet or task.default_supernet), (*task.image_size, 3)
    model = build(arch, task.head, shape)
    costs, groups = cost.of(model), importance.groups_of(model, arch, task.head)
    check_units(groups, config)
    return cls(arch, task.head, shape, groups, costs.params, costs.macs, bound(config, costs.macs))

  @property
  def least(self) -> float:
    """MACs of the smallest network: of what no unit carries."""
    return importance.MACS.fixed(self.macs, self.groups)

  def macs_of(self, left: Mapping[str, int]) -> float:
    """MACs of the network in which the groups have so many units left."""
    return macs(left, self.groups, self.least)

  def left(self, values: Mapping[str, Any]) -> dict[str, int] | None:
    """Units by group name of an architecture, scaled down to the bound; None where no network meets it.

    Args:
      values: fractions by group name.
    """
    return within(units(values, self.groups), self.macs_of, self.bound)

  def hyperparameters(self) -> kt.HyperParameters:
    """One choice per group."""
    choices = kt.HyperParameters()
    for group in self.groups:
      choices.Choice(group.name, list(self.fractions), default=self.fractions[-1])
    return choices

  def begin(self, trainer: Trainer, source: Ticket) -> None:
    """Gives a fresh trainer of an `untrained` architecture what its weights begin with: those that its seed draws."""

  def untrained(self, left: Mapping[str, int]) -> Ticket:
    """The architecture with these units as a ticket without weights: trainings begin from it as from any other."""
    arch = arch_of(left, self.supernet, self.head, self.groups)
    return self.ticket(arch, {name: list(range(kept)) for name, kept in left.items()})

  def ticket(self, arch: Architecture, survivors: dict[str, list[int]], weights: dict[str, np.ndarray] | None = None) -> Ticket:
    """A ticket of a part of the supernet that has trained nothing."""
    return Ticket(
      arch,
      self.supernet,
      self.head,
      self.shape,
      weights=weights or {},
      masks={},
      survivors=survivors,
      task=TaskFacts(),
      sparsity=0.0,
      cost=Costs(supernet_params=self.params, supernet_macs=self.macs),
    )


def bound(config: Config, whole: int) -> float:
  """MACs that an architecture may have, of a supernet that has `whole`; infinity = no bound."""
  wanted = config.search.target_macs
  return math.inf if not wanted else wanted * whole if wanted <= 1 else wanted


def check_units(groups: tuple[Group, ...], config: Config) -> None:
  """Refuses a network in which nothing can be searched.

  Raises:
    ConfigError: naming it.
  """
  if not groups:
    raise ConfigError(f'A search needs units. Received: a network without any, --supernet={config.supernet}. Choose another.')


class Failed(Exception):
  """An architecture that cannot be trained.

  Attributes:
    training: what trying took.
  """

  def __init__(self, reason: str, training: TrainingCost):
    super().__init__(reason)
    self.training = training


class Stopped(kt.errors.FatalError):
  """Carries, as its cause, what keras-tuner shall not take for a failed trial."""


class Tuner(kt.engine.base_tuner.BaseTuner):
  """keras-tuner's loop around trials.

  Args:
    run: trains what keras-tuner calls a trial; its metrics.
    oracle: chooses what is tried.
    folder: where both keep their state.

  Raises:
    ValueError, KeyError, TypeError, RuntimeError: the state there is damaged.
  """

  def __init__(self, run: Callable[[Any], dict[str, float]], oracle: kt.Oracle, folder: pathlib.Path):
    self._run = run
    oracle.verbose = 0
    with contextlib.redirect_stdout(io.StringIO()):  # It says that it reloads.
      super().__init__(oracle, directory=str(folder.parent), project_name=folder.name)
    if self._is_worker():
      return
    # One that the process died with before the oracle's own state was written: the oracle hands it out again.
    oracle.trials = {number: oracle.trials[number] for number in sorted(oracle.trials, key=int) if number in oracle.start_order}
    # Without this file there is no reload, and keras-tuner writes it after the first trial only.
    self.save()

  def _get_tuner_fname(self) -> str:
    # keras-tuner's has the process's id in it, and a search that a chief has begun would not go on without one.
    return str(pathlib.Path(self.project_dir) / 'tuner.json')

  def pre_create_trial(self) -> None:
    """Keeps a worker that waits for the others' results from asking without a pause."""
    if self._is_worker():
      time.sleep(_IDLE_SECONDS)

  def run_trial(self, trial: Any, *fit_args: Any, **fit_kwargs: Any) -> dict[str, float]:
    """The metrics of a trial; what is no failure of the architecture stops the search, where keras-tuner would go on."""
    try:
      return self._run(trial)
    except Failed as failure:
      self.oracle.update_trial(trial.trial_id, {OBJECTIVE: 0.0} | dataclasses.asdict(failure.training))
      raise kt.errors.FailedTrialError(str(failure)) from failure
    except Exception as error:
      raise Stopped from error


def search(tuner: Tuner, who: str) -> None:
  """All trials that are left, or those of a worker.

  Args:
    tuner: of the search.
    who: from `role`.

  Raises:
    ConfigError: the processes do not reach each other.
  """
  address = ':'.join(os.environ.get(name, '') for name in VARIABLES[1:])
  if who == 'chief':
    print(f'Waiting for workers at {address}.', flush=True)
  try:
    tuner.search(verbose=0)
    unwritten = tuner.oracle.unwritten if who == 'chief' else None
  except Stopped as stop:
    raise stop.__cause__ from None
  except (grpc.RpcError, RuntimeError) as error:
    if who == 'alone':
      raise
    reason = ' '.join(str(error).split())
    raise ConfigError(
      f'A chief listens where its workers call it. Received: {address} ({reason}). Choose a free port, or give the same command again.'
    ) from error
  if unwritten:
    raise ConfigError(f'A search is written down. Received: {unwritten}. Make room, and give the same command again.')


def role(environment: Mapping[str, str]) -> str:
  """'alone', or what the process is among several: 'chief' or 'worker'.

  Raises:
    ConfigError: only some of keras-tuner's variables are set, or a name is none that a folder can have.
  """
  present = [name for name in VARIABLES if environment.get(name)]
  if not present:
    return 'alone'
  if len(present) < len(VARIABLES):
    raise ConfigError(f'Processes that share a search set {", ".join(VARIABLES)}. Received: {", ".join(present)}. Set all, or none.')
  name = environment[VARIABLES[0]]
  if not _NAME.fullmatch(name):
    raise ConfigError(
      'Processes that share a search have names of up to 100 letters, digits, dashes, underscores and points, the first one no point.'
      f' Received: {VARIABLES[0]}={name[:100]!r}. Choose another.'
    )
  return 'chief' if 'chief' in name else 'worker'


def check(config: Config) -> None:
  """Refuses settings that a search by keras-tuner does not know.

  Raises:
    ConfigError: naming one.
  """
  if config.search.target_latency_ms:
    received = f'--target_latency_ms={config.search.target_latency_ms:g}'
    raise ConfigError(f'--method=tuner bounds MACs. Received: {received}. Use --target_macs, or --method=supertickets.')
  if config.init_from:
    raise ConfigError(f'--method=tuner trains architectures from scratch. Received: --init_from={config.init_from}. Leave it out.')
  role(os.environ)
