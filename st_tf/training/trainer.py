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

from st_tf.arch.specs import ArchSpec
from st_tf.config import Config
from st_tf.models import build, cost, named_variables
from st_tf.models.activations import ACTIVATIONS
from st_tf.models.variables import layers
from st_tf.pruning import Mask
from st_tf.pruning.fit import apply_ranking, is_closed, ranked
from st_tf.pruning.wrapper import bake, current_mask, effective_values, get_state, paused, prunable, set_state
from st_tf.search import importance, shrink
from st_tf.search.steering import Steering
from st_tf.task import Metrics, Task
from st_tf.task.scoring import readable, score
from st_tf.training import averaging, optimizers, replicas
from st_tf.training.meter import STEP_PASSES, Meter
from st_tf.training.scope import EVERYTHING, Scope
from st_tf.training.state import State
from st_tf.training.step import TrainingStep, decayed

Arrays = dict[str, np.ndarray]


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

  Attributes:
    arch: the network as it stands.
    supernet: the network it started as.
    model: the Keras model as it stands.
    macs: multiply-accumulates of the network as it stands, for one image.
    step: training steps taken.
    traces: how often the training step was traced.
    survivors: original indices of the units that are left, by group name.
    groups: the groups of search units of the initial supernet.
    cost_model: what the penalty charges.
    source: fingerprint of the ticket that is trained further; empty = none.
    meter: what training has cost.
    steering: state of the penalty's controller.
    requested: sparsity that the last ranking was asked for.
    final: whether the mask stays as it is from now on.
  """

  def __init__(
    self,
    arch: ArchSpec,
    task: Task,
    config: Config,
    schedule: Any = None,
    searching: bool = False,
    synchronized: bool = False,
    scope: Scope = EVERYTHING,
  ):
    self.task = task
    self.config = config
    self.arch = self.supernet = arch
    self.step = 0
    self.traces = 0
    self.steering = Steering()
    self.requested = 0.0
    self.final = False
    self.source = ''
    self.meter = Meter(task.sizes['train'])
    self._schedule, self._scope = schedule, scope
    self._searching = searching
    self._synchronized = synchronized or config.replicas > 1
    self.strategy = replicas.strategy(config.replicas)
    with self.strategy.scope():
      self._build()
    self.groups = importance.groups(self.model, arch, task.head)
    self.cost_model = importance.cost_model(config.search.cost, arch, task.head) if searching else importance.MACS
    self.survivors = {group.name: list(range(group.units)) for group in self.groups}
    found = cost.of(self.model)
    self.initial = {'params': found.params, 'macs': found.macs, 'prunable': current_mask(self.model).size}
    self._compile()

  # Training.

  def restart_averages(self) -> None:
    """Makes the averages what the weights are now."""
    if self.averages:
      self.averages.assign(self.values())

  def train(self, images: tf.Tensor, targets: tf.Tensor, learning_rate: float, strength: float) -> tuple[float, np.ndarray]:
    """(mean loss, outputs [batch, ...]) of one training step.

    Args:
      images: [batch, height, width, 3].
      targets: as the task's loss wants them.
      learning_rate: of this step.
      strength: of the penalty on the factors.
    """
    loss, outputs = self._training_step(
      replicas.spread(self.strategy, images), replicas.spread(self.strategy, targets), learning_rate, strength, self._average_decay()
    )
    self.step += 1
    self.meter.count(self.config.batch_size, self.config.batch_size * STEP_PASSES * self.macs)
    return loss, replicas.gathered(self.strategy, outputs)

  def _average_decay(self) -> float:
    """Share of the old averages kept by this step.

    Until the mask is final the averages follow soft-thresholded weights exactly. Averages lie closer to zero than the
    weights, so that a threshold ranked from them leaves the trained network denser than asked: measured on `shapes`,
    16% instead of 13.5%, and the averages' accuracy fell from 52% to 29%.
    """
    follows = self._schedule is not None and not self.final and self.config.pruning.reactivation == 'soft_threshold'
    return 0.0 if follows else averaging.decay_at(self.step, self.config.training.ema_decay, self.config.batch_size)

  # Evaluation.

  def scores(self, split: str) -> Metrics:
    """The task's metrics of the model as it stands, over all of `split`."""
    return score(lambda images: self._infer(images).numpy(), self.task, split, self.config.batch_size)

  @contextlib.contextmanager
  def evaluated(self, batches: Any) -> Iterator[keras.Model]:
    """For a while the model has the weights and statistics that are evaluated and go into a ticket.

    Args:
      batches: training images to recalibrate batch norms with.
    """
    with averaging.swapped(self.variables, self.averages.values() if self.averages else {}):
      with paused(self.model):
        self._recalibration.run(replicas.spread(self.strategy, images) for images, _ in readable(batches))
      yield self.model

  # Pruning.

  @property
  def mask(self) -> Mask:
    """Which weights are kept."""
    return current_mask(self.model)

  def magnitudes(self) -> Arrays:
    """|w| of the prunable weights that are evaluated: the averages, where there are any."""
    values = self.values() | (self.averages.values() if self.averages else {})
    return {name: np.abs(values[name]) for name in prunable(self.model)}

  def ranked(self, sparsity: float) -> Mask:
    """The mask that a ranking of all weights would give; nothing changes.

    Raises:
      RankingError: the floors do not allow the sparsity.
    """
    pruning = self.config.pruning
    return ranked(self.model, self.magnitudes(), sparsity, pruning.ranking, pruning.layer_floor)

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
      self._close()
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
    how, scores = self.config.pruning, self.magnitudes()
    return apply_ranking(self.model, sparsity, how.ranking, how.layer_floor, scores, returning, closed)

  def _close(self) -> None:
    """Makes the effective weights the weights, in the averages too: from here on the mask is fixed."""
    if self.averages:
      with averaging.swapped(self.variables, self.averages.values()):
        averaged = effective_values(self.model)
      self.averages.assign(averaged)
    bake(self.model)
    self.final = True

  # Searching.

  def factors(self) -> Arrays:
    """Raw importance factors by group name."""
    values = self.values()
    return {group.name: values[group.factor] for group in importance.groups(self.model, self.arch, self.task.head)}

  def price(self, model: importance.CostModel | None = None) -> float:
    """What the network as it stands costs by `model`, or by the run's own cost model."""
    found = importance.groups(self.model, self.arch, self.task.head)
    return (model or self.cost_model).total(cost.of(self.model).macs, found)

  def shrink(self, alive: Mapping[str, np.ndarray]) -> None:
    """Rebuilds the network without its dead units; weights, masks, slots and averages follow.

    Args:
      alive: booleans per unit by group name.
    """
    arch, head = shrink.shrunk_arch(self.arch, self.task.head, alive), self.task.head
    kept = shrink.slices(self.arch, head, alive)
    carrier = shrink.Carrier(self.arch, head, alive, lambda x: ACTIVATIONS[self.arch.activation](tf.constant(x)).numpy())
    values = carrier.carry(self.values(), effective_values(self.model))
    averaged = None
    if self.averages:
      with averaging.swapped(self.variables, self.averages.values()):
        averaged = carrier.carry(self.averages.values(), effective_values(self.model))
    slots = optimizers.slots(self.optimizer, self.trainable)
    pruning = get_state(self.model)
    iterations = int(self.optimizer.iterations.numpy())
    for name, units in alive.items():
      self.survivors[name] = [index for index, living in zip(self.survivors[name], units, strict=True) if living]
    self.arch = arch
    self._rebuild()
    shapes = {name: tuple(variable.shape) for name, variable in self.variables.items()}
    self._assign(shrink.take(values, kept, shapes))
    if averaged is not None:
      self.averages.assign(shrink.take(averaged, kept, {name: shapes[name] for name in self.averages.variables}))
    trained = {name: shapes[name] for name in self.trainable}
    optimizers.set_slots(
      self.optimizer, self.trainable, {slot: shrink.take(memory, kept, trained) for slot, memory in slots.items()}, iterations
    )
    set_state(self.model, {part: shrink.take_masks(entries, kept) for part, entries in pruning.items()})

  # Saving.

  def values(self) -> Arrays:
    """Every variable's raw value by name."""
    return {name: variable.numpy() for name, variable in self.variables.items()}

  def state(self) -> State:
    """Everything a run needs to continue."""
    arrays = {f'value/{name}': value for name, value in self.values().items()}
    if self.averages:
      arrays |= {f'average/{name}': value for name, value in self.averages.values().items()}
    for slot, memory in optimizers.slots(self.optimizer, self.trainable).items():
      arrays |= {f'slot/{slot}/{name}': value for name, value in memory.items()}
    for part, entries in get_state(self.model).items():
      arrays |= {f'pruning/{part}/{name}': value for name, value in entries.items()}
    facts = {
      'arch': self.arch.to_json(),
      'supernet': self.supernet.to_json(),
      'step': self.step,
      'iterations': int(self.optimizer.iterations.numpy()),
      'meter': self.meter.state(),
      'requested': self.requested,
      'final': self.final,
      'survivors': copy.deepcopy(self.survivors),
      'steering': dataclasses.asdict(self.steering),
    }
    return State(facts, arrays)

  def restore(self, state: State) -> None:
    """Continues from `state`, which a trainer of the same configuration has given."""
    facts = state.facts
    self.step, self.requested, self.survivors = facts['step'], facts['requested'], copy.deepcopy(facts['survivors'])
    self.final, self.steering = facts['final'], Steering(**facts['steering'])
    self.meter.restore(facts['meter'])
    arch = ArchSpec.from_json(facts['arch'])
    if arch != self.arch:
      self.arch = arch
      self._rebuild()
    self._assign(state.part('value/'))
    if self.averages:
      self.averages.assign(state.part('average/'))
    slots = {slot: state.part(f'slot/{slot}/') for slot in optimizers.slots(self.optimizer, self.trainable)}
    optimizers.set_slots(self.optimizer, self.trainable, slots, facts['iterations'])
    parts = get_state(self.model)
    set_state(self.model, {part: state.part(f'pruning/{part}/') for part in parts})

  # Building.

  def _rebuild(self) -> None:
    with self.strategy.scope():
      self._build()
    self._compile()

  def _build(self) -> None:
    wrap = self._scope.wrapping(self._schedule, self.config.pruning)
    shape, deviation = (*self.task.image_size, 3), self.config.training.initial_deviation
    self.model = build(self.arch, self.task.head, shape, wrap, self.config.seed, self._synchronized, deviation)
    self.macs = cost.of(self.model).macs
    self.variables = named_variables(self.model)
    self.trainable = {name: variable for name, variable in self.variables.items() if variable.trainable and self._scope.trains(name)}
    for outer, layer in layers(self.model):
      outer.trainable = outer.trainable and not self._scope.is_frozen(layer.name)
    training = self.config.training
    self.optimizer = optimizers.build(training, self.trainable, decayed(self.trainable))
    # What is frozen has no average: the mean of equal numbers differs from them in its last bit.
    moving = {name: variable for name, variable in self.variables.items() if self._scope.trains(name)}
    self.averages = averaging.Averages(moving) if training.ema_decay else None

  def _compile(self) -> None:
    with self.strategy.scope():
      penalised = {}
      if self._searching:
        here = importance.groups(self.model, self.arch, self.task.head)
        penalty = self.penalties()
        penalised = {group.name: (self.variables[group.factor], penalty[group.name]) for group in here}
      self._training_step = TrainingStep(
        *(self.model, self.trainable, self.optimizer, self.averages, self.task, self.config, penalised, self._count_trace)
      )
      self._recalibration = averaging.Recalibration(self.model)
      spec = tf.TensorSpec([None, *self.model.input_shape[1:]], tf.float32)
      self._infer = tf.function(lambda images: self.model(images, training=False), input_signature=[spec], autograph=False)

  def penalties(self) -> dict[str, float]:
    """The penalty of a unit of each group, computed on the initial supernet."""
    alive = {name: len(units) for name, units in self.survivors.items()}
    mean = importance.normaliser(self.groups, self.cost_model)
    return importance.penalties(self.groups, mean, alive, self.cost_model)

  def _count_trace(self) -> None:
    self.traces += 1

  def _assign(self, values: Mapping[str, np.ndarray]) -> None:
    for name, variable in self.variables.items():
      variable.assign(values[name])
