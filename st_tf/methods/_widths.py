"""The widths of a trained network as a space for keras-tuner: how many units each channel group keeps, the best by their scores.

Every architecture begins with the trained weights of the units that it keeps, which take over from the others. Where there are
none, its units are the first.
"""

from collections.abc import Mapping
import dataclasses
import time
from typing import Any, ClassVar

import numpy as np

from st_tf.config import Config
from st_tf.methods import _tuning as tuning
from st_tf.models import cost, starts
from st_tf.runs.removal import observed
from st_tf.runs.start import fresh, load_weights
from st_tf.runs.target import removable
from st_tf.search import scores, shrink
from st_tf.search.analysis import analyse
from st_tf.search.importance import Group
from st_tf.search.moments import Moments, deviations
from st_tf.search.reconstruction import compensated
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.plan import training_alone
from st_tf.training.trainer import Trainer


@dataclasses.dataclass(frozen=True)
class Widths(tuning.Space):
  """Every network that a search may try.

  Attributes:
    order: units of each group, by its name, the best first.
    values: the trained weights of the whole network by 'layer/variable'; empty where it has none.
    found: the moments of what its kernels read, by node; empty likewise.
  """

  order: Mapping[str, np.ndarray]
  values: Mapping[str, np.ndarray]
  found: Mapping[str, Moments]
  fractions: ClassVar[tuple[float, ...]] = tuning.FRACTIONS[1:]
  smallest: ClassVar[str] = 'with one unit of each group'

  @classmethod
  def of(cls, task: Task, config: Config) -> 'Widths':
    """The space of a run.

    Raises:
      UserError: there is no such network, or no unit in it to search.
    """
    started, name = time.monotonic(), config.supernet or task.default_supernet
    values = starts.of(dataclasses.replace(config, supernet=name), task.head, task.image_size).values
    trainer = fresh(task, config, training_alone(config, task.steps_per_epoch(config.batch_size)))
    load_weights(trainer)
    channels, found = analyse(trainer.arch), removable(trainer)
    groups = tuple(Group(group.name, '', group.units, channels.group_macs(group), False) for group in found)
    tuning.check_units(groups, config)
    seen = observed(trainer) if values else {}
    score = scores.scores(channels, trainer.values(), deviations(seen)) if values else np.zeros(channels.units)
    order = {group.name: np.argsort(-score[group.ids], kind='stable') for group in found}
    costs, shape = cost.of(trainer.model), (*task.image_size, 3)
    spent, bound = trainer.meter.total(time.monotonic() - started), tuning.bound(config, costs.macs)
    return cls(trainer.arch, task.head, shape, groups, costs.params, costs.macs, bound, order, values, seen, spent=spent)

  @property
  def least(self) -> float:
    """MACs of the smallest network."""
    return self.macs_of({group.name: 1 for group in self.groups})

  def macs_of(self, left: Mapping[str, int]) -> float:
    """MACs of the network in which the groups have so many units left."""
    return analyse(self.supernet).macs(self._alive(left))

  def left(self, values: Mapping[str, Any]) -> dict[str, int] | None:
    """Units by group name of an architecture, scaled down to the bound, at least one each; None where no network meets it."""
    return tuning.within(tuning.units(values, self.groups), self.macs_of, self.bound, least=1)

  def untrained(self, left: Mapping[str, int]) -> Ticket:
    """The network with these units, before its training, as a ticket."""
    channels, alive = analyse(self.supernet), self._alive(left)
    values = {**self.values, **compensated(channels, self.values, self.found, alive)}
    weights = shrink.take(values, channels.slices(alive), dict.fromkeys(values, ()))
    return self.ticket(channels.shrunk(alive), {name: np.flatnonzero(units).tolist() for name, units in alive.items()}, weights)

  def begin(self, trainer: Trainer, source: Ticket) -> None:
    """Gives a fresh trainer of an `untrained` network the trained weights that are left."""
    if source.weights:
      trainer.give(source.weights)

  def _alive(self, left: Mapping[str, int]) -> dict[str, np.ndarray]:
    alive = {}
    for group in self.groups:
      alive[group.name] = np.zeros(group.units, bool)
      alive[group.name][self.order[group.name][: left[group.name]]] = True
    return alive
