"""A network in training: its variables, and what optimizer, averages and pruning wrappers remember of them."""

from collections.abc import Iterable, Iterator, Mapping
import contextlib
from typing import Any

import numpy as np
import tensorflow as tf

from st_tf.arch.graph import Architecture, Graph
from st_tf.config import Config
from st_tf.models import build, cost, named_variables
from st_tf.models.precision import computed_in
from st_tf.models.variables import layers
from st_tf.pruning.wrapper import bake, effective_values, get_state, paused, prunable, set_state
from st_tf.search import shrink
from st_tf.search.analysis import analyse
from st_tf.search.factors import folded, readings
from st_tf.task import Task
from st_tf.training import averaging, optimizers, scaled
from st_tf.training.scope import Scope
from st_tf.training.state import Arrays, Memory
from st_tf.training.step import decayed


class Network:
  """A network of one shape; one that shrinks is followed by another, which takes over what it remembers.

  Args:
    arch: its architecture.
    task: what it trains on.
    config: the run's settings.
    schedule: pruning schedule for the wrappers; None = no wrappers.
    scope: which layers are pruned and trained.
    synchronized: whether batch norms work as over several replicas.

  Attributes:
    model: the Keras model.
    macs: multiply-accumulates for one image.
    variables: all, by name.
    trainable: those that are trained.
    optimizer: of these.
    averages: of the weights; None = none are kept.
    readings: of the kernels that read what is scaled, by name.
    infer: outputs [batch, ...] of images [batch, height, width, 3].
  """

  def __init__(self, arch: Architecture, task: Task, config: Config, schedule: Any, scope: Scope, synchronized: bool):
    """To be called in the strategy's scope."""
    wrap, shape, training = scope.wrapping(schedule, config.pruning), (*task.image_size, 3), config.training
    with computed_in(training.precision):
      self.model = build(arch, task.head, shape, wrap, config.seed, synchronized, training.initial_deviation)
    self.macs = cost.of(self.model).macs
    self.variables = named_variables(self.model)
    self.trainable = {name: variable for name, variable in self.variables.items() if variable.trainable and scope.trains(name)}
    for outer, layer in layers(self.model):
      outer.trainable = outer.trainable and not scope.is_frozen(layer.name)
    self.optimizer = optimizers.build(training, self.trainable, decayed(self.trainable))
    # What is frozen has no average: the mean of equal numbers differs from them in its last bit.
    moving = {name: variable for name, variable in self.variables.items() if scope.trains(name)}
    self.averages = averaging.Averages(moving) if training.ema_decay else None
    self.readings = readings(analyse(arch)) if isinstance(arch, Graph) else {}
    scaled.attach(self.model, self.readings, self.variables)
    self._recalibration = averaging.Recalibration(self.model)
    spec = tf.TensorSpec([None, *self.model.input_shape[1:]], tf.float32)
    model = self.model  # Not by way of this object, which would then outlive its place.
    self.infer = tf.function(lambda images: model(images, training=False), input_signature=[spec], autograph=False)

  # Values.

  def values(self) -> Arrays:
    """Every variable's raw value."""
    return {name: variable.numpy() for name, variable in self.variables.items()}

  def averaged(self) -> Arrays:
    """The averages; empty = none are kept."""
    return self.averages.values() if self.averages else {}

  def magnitudes(self) -> Arrays:
    """|w| of the prunable weights that are evaluated: the averages, where there are any; times the scales of what they read."""
    values = self.values() | self.averaged()
    return scaled.multiplied({name: np.abs(values[name]) for name in prunable(self.model)}, self.readings, values)

  @contextlib.contextmanager
  def evaluated(self, batches: Iterable[tf.Tensor]) -> Iterator[None]:
    """For a while the model has the averages, and batch-norm statistics of them.

    Args:
      batches: training images, spread over the replicas.
    """
    with averaging.swapped(self.variables, self.averaged()):
      with paused(self.model):
        self._recalibration.run(batches)
      yield

  def give(self, values: Mapping[str, np.ndarray]) -> None:
    """Gives variables other values, and the averages those of the variables; what is not named stays."""
    for name, value in values.items():
      self.variables[name].assign(value)
    self.restart_averages()

  def restart_averages(self) -> None:
    """Makes the averages what the weights are now."""
    if self.averages:
      self.averages.assign(self.values())

  def folded(self, values: Mapping[str, np.ndarray]) -> Arrays:
    """Values of variables by name as the network has them without the scales of a search, which its kernels take in."""
    return folded(self.readings, values)

  def clear(self, where: Mapping[str, np.ndarray]) -> None:
    """Zeroes weights, their averages and what the optimizer remembers of them.

    Args:
      where: booleans by weight name.
    """
    for name, places in where.items():
      variable = self.variables[name]
      variable.assign(np.where(places, 0, variable.numpy()))
    slots = optimizers.slots(self.optimizer, self.trainable)
    for memory in slots.values():
      memory.update({name: np.where(places, 0, memory[name]) for name, places in where.items() if name in memory})
    optimizers.set_slots(self.optimizer, self.trainable, slots, self.iterations)
    if self.averages:
      averaged = self.averages.values()
      self.averages.assign({name: np.where(where[name], 0, value) if name in where else value for name, value in averaged.items()})

  def bake(self) -> None:
    """Makes the effective weights the weights, in the averages too; to be called under a final mask."""
    if self.averages:
      with averaging.swapped(self.variables, self.averages.values()):
        averaged = effective_values(self.model)
      self.averages.assign(averaged)
    bake(self.model)

  # Memory.

  @property
  def iterations(self) -> int:
    """Steps that the optimizer has taken."""
    return int(self.optimizer.iterations.numpy())

  def memory(self) -> Memory:
    """All that the network remembers."""
    slots = optimizers.slots(self.optimizer, self.trainable)
    return Memory(self.values(), self.averaged(), slots, self.iterations, get_state(self.model))

  def remember(self, memory: Memory) -> None:
    """Makes the network one that remembers what `memory` has."""
    for name, variable in self.variables.items():
      variable.assign(memory.values[name])
    if self.averages:
      self.averages.assign(memory.averages)
    optimizers.set_slots(self.optimizer, self.trainable, memory.slots, memory.iterations)
    set_state(self.model, memory.pruning)

  def carried(self, carrier: shrink.Carrier | shrink.GraphCarrier) -> Memory:
    """What the network remembers, with the constants of dead units carried on."""
    memory = self.memory()
    values = carrier.carry(memory.values, effective_values(self.model))
    averages: Arrays = {}
    if self.averages:
      with averaging.swapped(self.variables, memory.averages):
        averages = carrier.carry(memory.averages, effective_values(self.model))
    return Memory(values, averages, memory.slots, memory.iterations, memory.pruning)

  def take_over(self, memory: Memory, kept: shrink.Slices) -> None:
    """Remembers what is left of the memory of a larger network.

    Args:
      memory: the larger one's.
      kept: which of its entries survive; see `shrink.slices`.
    """
    shapes = {name: tuple(variable.shape) for name, variable in self.variables.items()}
    trained = {name: shapes[name] for name in self.trainable}
    averaged = {name: shapes[name] for name in self.averages.variables} if self.averages else {}
    self.remember(
      Memory(
        shrink.take(memory.values, kept, shapes),
        shrink.take(memory.averages, kept, averaged),
        {slot: shrink.take(values, kept, trained) for slot, values in memory.slots.items()},
        memory.iterations,
        {part: shrink.take_masks(entries, kept) for part, entries in memory.pruning.items()},
      )
    )
