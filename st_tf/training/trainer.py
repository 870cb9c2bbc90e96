"""The state of a run and what can be done to it: a step, an evaluation, a pruning, a shrink.

Everything a run needs to continue is in `state()`: a trainer restored from it goes on exactly as the first would have.
"""

from collections.abc import Iterator, Mapping
import contextlib
import copy
import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from st_tf.arch.graph import Architecture, architecture
from st_tf.config import Config
from st_tf.models import cost
from st_tf.pruning import Mask
from st_tf.pruning.fit import apply_ranking, hold_mask, is_closed, ranked
from st_tf.pruning.wrapper import current_mask, get_state, set_state
from st_tf.search import importance, shrink, steering
from st_tf.search.factors import Factors
from st_tf.search.units import all_of
from st_tf.task import Metrics, Task
from st_tf.task.scoring import readable, score
from st_tf.ticket.facts import TrainingCost
from st_tf.training import averaging, replicas
from st_tf.training.descent import Part
from st_tf.training.meter import STEP_PASSES, Meter
from st_tf.training.network import Network
from st_tf.training.scope import EVERYTHING, Scope
from st_tf.training.state import Arrays, Memory, State
from st_tf.training.step import TrainingStep
from st_tf.training.teacher import Teacher


class Trainer:
  """One run of one method.

  Args:
    arch: the supernet.
    task: what to train on.
    config: the run's settings.
    schedule: pruning schedule for the wrappers; None = no wrappers.
    searching: whether factors are penalised.
    synchronized: whether batch norms work as over several replicas also where there is one.
    scope: which layers are pruned and trained.
    teacher: whose outputs are learned from too; None = no one's.
    priced: whether the cost that the settings name is asked for without a search too.

  Attributes:
    arch: the network as it stands.
    supernet: the network it started as.
    network: it and what it remembers; `model`, `macs`, `variables`, `trainable`, `optimizer` and `averages` are its.
    step: training steps taken.
    traces: how often the training step was traced.
    survivors: original indices of the units that are left, by group name.
    groups: the groups of search units of the initial supernet.
    current_groups: those of the network as it stands.
    cost_model: what the penalty charges.
    source: fingerprint of the ticket that is trained further; empty = none.
    meter: what training has cost.
    steering: state of the penalty's controller.
    requested: sparsity that the last ranking was asked for.
    final: whether the mask stays as it is from now on.
    teacher: whose outputs are learned from too; None = no one's.
    factors_of_graph: what is searched of a graph, while it is searched by factors.
    untrained: layers that begin with random weights where others were given theirs.
  """

  def __init__(
    self,
    arch: Architecture,
    task: Task,
    config: Config,
    schedule: Any = None,
    searching: bool = False,
    synchronized: bool = False,
    scope: Scope = EVERYTHING,
    teacher: Teacher | None = None,
    priced: bool = False,
  ):
    self.task, self.config = task, config
    self.arch = self.supernet = arch
    self.step = self.traces = 0
    self.steering = steering.Steering()
    self.requested, self.final = 0.0, False
    self.untrained: set[str] = set()
    self.factors_of_graph: Factors | None = None
    self.source, self.meter = '', Meter(task.sizes['train'])
    self._schedule, self._scope, self._searching, self.teacher = schedule, scope, searching, teacher
    self.strategy = replicas.strategy(config)
    self._synchronized = synchronized or (self.strategy.num_replicas_in_sync > 1 and config.training.batch_norm == 'synchronized')
    self._build()
    self.groups = self.current_groups
    self.cost_model = importance.cost_model(config.search.cost, arch, task.head) if searching or priced else importance.MACS
    self.survivors = all_of(arch, self.groups)
    costs = cost.of(self.model)
    self.initial = {'params': costs.params, 'macs': costs.macs, 'prunable': current_mask(self.model).size}
    self._compile()

  # Beginning.

  def give(self, values: Mapping[str, np.ndarray], step: int = 0, before: TrainingCost | None = None) -> None:
    """Gives a fresh trainer weights to begin with, its averages too; variables that are not named stay.

    Args:
      values: by variable name.
      step: training steps that these weights have taken.
      before: what making them cost; None = what is known already.
    """
    self.network.give(values)
    self.untrained = {name.rpartition('/')[0] for name in self.network.trainable if name not in values}
    self.step = step
    if before is not None:
      self.meter.before = before

  def descend(self, part: Part) -> None:
    """Makes a fresh trainer, as yet without its weights, one that goes on with a ticket under its mask.

    Raises:
      RankingError: the masks cover other weights than are pruned here.
    """
    if part.masks:
      self.hold(Mask(part.masks), part.sparsity)
    self.supernet, self.survivors = part.supernet, {name: list(units) for name, units in part.survivors.items()}
    self.initial = part.initial(self.task.head, (*self.task.image_size, 3))
    # A ticket without weights is an architecture only.
    self.source = part.ticket.fingerprint if part.ticket.weights else ''
    self.meter.before = part.ticket.provenance.all_training

  # Training.

  def train(
    self, images: tf.Tensor, targets: tf.Tensor, learning_rate: float, strength: float, quantized: bool = False
  ) -> tuple[tf.Tensor, Any]:
    """(mean loss, outputs as `replicas.gathered` wants them) of one training step, which a GPU may not have ended yet.

    Args:
      images: [batch, height, width, 3]; of several workers, this one's part of the batch.
      targets: as the task's loss wants them.
      learning_rate: of this step.
      strength: of the penalty on the factors.
      quantized: whether weights and activations are rounded as int8 files have them.
    """
    images, targets = (replicas.spread(self.strategy, values) for values in (images, targets))
    decay = averaging.share_kept(self.step, self.config, self._schedule is not None, self.final)
    loss, outputs = self._training_step(images, targets, learning_rate, strength, decay, quantized)
    self.step += 1
    macs = STEP_PASSES * self.macs + (self.teacher.macs if self.teacher else 0)
    self.meter.count(self.config.batch_size, self.config.batch_size * macs)
    return loss, outputs

  # Evaluation.

  def scores(self, split: str) -> Metrics:
    """The task's metrics of the model as it stands, over all of `split`."""
    return score(lambda images: self.network.infer(images).numpy(), self.task, split, self.config.batch_size)

  @contextlib.contextmanager
  def evaluated(self, batches: Any) -> Iterator[keras.Model]:
    """For a while the model has the weights and statistics that are evaluated and go into a ticket.

    Args:
      batches: training images to recalibrate batch norms with.
    """
    with self.network.evaluated(replicas.spread(self.strategy, images) for images, _ in readable(batches)):
      yield self.model

  # Pruning.

  @property
  def mask(self) -> Mask:
    """Which weights are kept."""
    return current_mask(self.model)

  def ranked(self, sparsity: float) -> Mask:
    """The mask that a ranking of all weights would give; nothing changes.

    Raises:
      RankingError: the floors do not allow the sparsity.
    """
    pruning = self.config.pruning
    return ranked(self.model, self.network.magnitudes(), sparsity, pruning.ranking, pruning.layer_floor)

  def prune(self, sparsity: float, may_return: bool = True, final: bool = False) -> dict[str, Any]:
    """Ranks all weights anew and sets the masks.

    Args:
      sparsity: fraction of the prunable weights to remove.
      may_return: whether pruned weights compete again; see `apply_ranking`.
      final: whether the mask stays as it is from now on.

    Returns:
      What happened: 'sparsity', how many weights were 'pruned' and 'returned'.

    Raises:
      RankingError: the floors do not allow the sparsity.
    """
    before = self.mask
    mask = self._rank(sparsity, may_return, final or is_closed(self._schedule, self.step))
    self.requested = sparsity
    if final:
      self.network.bake()
      self.final = True
    return {'sparsity': mask.sparsity, 'pruned': before.returned(mask), 'returned': mask.returned(before)}

  @contextlib.contextmanager
  def pruned_for_now(self, sparsity: float) -> Iterator[Mask]:
    """For a while the masks are those of another sparsity, as if they were final."""
    before = get_state(self.model)
    try:
      yield self._rank(sparsity, returning=True, closed=True)
    finally:
      set_state(self.model, before)

  def _rank(self, sparsity: float, returning: bool, closed: bool) -> Mask:
    how, scores = self.config.pruning, self.network.magnitudes()
    return apply_ranking(self.model, sparsity, how.ranking, how.layer_floor, scores, returning, closed)

  def hold(self, mask: Mask, sparsity: float, final: bool = True) -> None:
    """Sets a mask that was found elsewhere; what is not kept is zero, also in averages and in what the optimizer remembers.

    Args:
      mask: what is kept.
      sparsity: that was asked for.
      final: whether the mask stays as it is from now on.

    Raises:
      RankingError: it covers other weights than are pruned here.
    """
    hold_mask(self.model, mask)
    self.network.clear({name: ~kept for name, kept in mask.items()})
    self.requested, self.final = sparsity, final

  # Searching.

  def factors(self) -> Arrays:
    """Raw importance factors by group name."""
    values = self.values()
    return {group.name: values[group.factor] for group in self.current_groups if group.factor}

  def price(self, model: importance.CostModel | None = None) -> float:
    """What the network as it stands costs by `model`, or by the run's own cost model."""
    return importance.price(model or self.cost_model, self.arch, self.macs, self.current_groups)

  def steer(self, prices: Mapping[str, float], now: float, goal: float, learning_rates: float) -> None:
    """Corrects the strength of the penalty.

    Args:
      prices: of a unit, by group name, in the target's unit.
      now: what the network costs.
      goal: what it may cost after the steps ahead.
      learning_rates: sum over these steps.
    """
    search, factors = self.config.search, self.factors()
    if self.factors_of_graph:
      factors = self.factors_of_graph.steered(factors, self.survivors, search.dead_below)
    rates = learning_rates * search.factor_rate
    self.steering = steering.steer(self.steering, factors, self.penalties(), prices, now, goal, rates, search.dead_below)

  def shrink(self, alive: Mapping[str, np.ndarray]) -> None:
    """Rebuilds the network without its dead units, `alive` by group name; weights, masks, slots and averages follow."""
    left, kept, carrier = shrink.without(self.model, self.arch, self.task.head, alive, self.factors_of_graph)
    memory = self.network.carried(carrier) if carrier else self.network.memory()
    for name in alive.keys() & self.survivors.keys():
      self.survivors[name] = [index for index, living in zip(self.survivors[name], alive[name], strict=True) if living]
    self.arch = left
    self._rebuild()
    self.network.take_over(memory, kept)

  def become(self, arch: Architecture, memory: Memory, factors: Factors | None) -> None:
    """Makes it a network of the same function that remembers `memory`, searched by these `factors` of a graph."""
    self.arch, self.factors_of_graph = arch, factors
    self._rebuild()
    self.network.take_over(memory, {})

  # Saving.

  def values(self) -> Arrays:
    """Every variable's raw value by name."""
    return self.network.values()

  def state(self) -> State:
    """Everything a run needs to continue."""
    memory = self.network.memory()
    facts = {
      'arch': self.arch.to_json(),
      'supernet': self.supernet.to_json(),
      'step': self.step,
      'iterations': memory.iterations,
      'meter': self.meter.state(),
      'requested': self.requested,
      'final': self.final,
      'survivors': copy.deepcopy(self.survivors),
      'steering': dataclasses.asdict(self.steering),
    }
    if self.factors_of_graph:
      facts['factors'] = self.factors_of_graph.to_json()
    return State(facts, memory.arrays())

  def restore(self, state: State) -> None:
    """Continues from `state`, which a trainer of the same configuration has given."""
    facts = state.facts
    self.step, self.requested, self.survivors = facts['step'], facts['requested'], copy.deepcopy(facts['survivors'])
    self.final, self.steering = facts['final'], steering.Steering(**facts['steering'])
    self.meter.restore(facts['meter'])
    arch, factors = architecture(facts['arch']), facts.get('factors')
    if arch != self.arch or factors:
      self.arch, self.factors_of_graph = arch, Factors.from_json(factors) if factors else None
      self._rebuild()
    self.network.remember(Memory.of(state))

  # Building.

  def _rebuild(self) -> None:
    self._build()
    self._compile()

  def _build(self) -> None:
    with self.strategy.scope():
      self.network = network = Network(self.arch, self.task, self.config, self._schedule, self._scope, self._synchronized)
    self.model, self.macs, self.variables = network.model, network.macs, network.variables
    self.trainable, self.optimizer, self.averages = network.trainable, network.optimizer, network.averages
    self.current_groups = importance.groups_of(network.model, self.arch, self.task.head, self.factors_of_graph)

  def _compile(self) -> None:
    groups = [group for group in self.current_groups if self._searching and group.factor]
    here, factors, penalty = self.network, self.factors_of_graph, self.penalties()
    penalty = factors.of_units(penalty, self.survivors) if factors else penalty
    penalised = {group.name: (self.variables[group.factor], penalty[group.name]) for group in groups}
    parts = (here.model, here.trainable, here.optimizer, here.averages, self.task, self.config, penalised)
    with self.strategy.scope():
      self._training_step = TrainingStep(*parts, self._count_trace, self.teacher)

  def penalties(self) -> dict[str, float]:
    """The penalty of a unit of each group, computed on the initial supernet."""
    alive = {name: len(units) for name, units in self.survivors.items()}
    return importance.penalties(self.groups, importance.normaliser(self.groups, self.cost_model), alive, self.cost_model)

  def _count_trace(self) -> None:
    self.traces += 1
