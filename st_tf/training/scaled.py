"""Scales before kernels, while units are searched: weights are ranked and thresholded by their product with those of what they read."""

from collections.abc import Callable, Mapping
import dataclasses

import numpy as np
import tensorflow as tf
import tf_keras as keras

from st_tf.pruning.wrapper import RegrowthPruning, prunable
from st_tf.search.factors import SMALLEST, Reading, folded, unfolded
from st_tf.training.optimizers import SQUARES
from st_tf.training.state import Arrays, Memory


def attach(model: keras.Model, found: Mapping[str, Reading], variables: Mapping[str, tf.Variable]) -> None:
  """Lets the pruning wrappers of a model know the scales of what their kernels read.

  Args:
    model: with or without wrappers.
    found: what each kernel reads, by its name.
    variables: of the model by name.
  """
  for name, (wrapper, _) in prunable(model).items():
    if name in found and isinstance(wrapper, RegrowthPruning):
      wrapper.reading = _tensor(found[name], variables)


def multiplied(magnitudes: Arrays, found: Mapping[str, Reading], values: Arrays) -> Arrays:
  """Magnitudes of kernels times those of the scales, among `values`, of what they read."""
  return {name: value * np.abs(found[name].of(values)) if name in found else value for name, value in magnitudes.items()}


def begun(memory: Memory, found: Mapping[str, Reading], scales: Arrays) -> Memory:
  """What a network remembers as one with scales, of which a kernel's columns are divided by them.

  Args:
    memory: of a network that has trained nothing yet.
    found: what each kernel reads, by its name.
    scales: by 'layer/variable'.
  """
  averages = unfolded(found, memory.averages, scales) if memory.averages else {}
  return dataclasses.replace(memory, values=unfolded(found, memory.values, scales), averages=averages)


def ended(memory: Memory, found: Mapping[str, Reading]) -> Memory:
  """What a network with scales remembers as one whose kernels have taken them in.

  Of these kernels the optimizer keeps how large gradients were, which are as much smaller now, and forgets where it was going.
  """
  gone = {name for reading in found.values() for name in reading.scales}

  def remembered(slot: str, name: str, value: np.ndarray) -> np.ndarray:
    scales = np.maximum(np.abs(found[name].of(memory.values)), SMALLEST)
    return (value / np.square(scales)).astype(value.dtype) if slot == SQUARES else np.zeros_like(value)

  slots = {
    slot: {name: remembered(slot, name, value) if name in found else value for name, value in values.items() if name not in gone}
    for slot, values in memory.slots.items()
  }
  averages = folded(found, memory.averages) if memory.averages else {}
  return dataclasses.replace(memory, values=folded(found, memory.values), averages=averages, slots=slots)


def _tensor(reading: Reading, variables: Mapping[str, tf.Variable]) -> Callable[[], tf.Tensor]:
  scales = [variables[name] for name in reading.scales]
  return lambda: tf.reshape(tf.gather(tf.concat([[1.0], *scales], 0), reading.places), reading.shape)
