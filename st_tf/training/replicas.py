"""Training on several devices of one machine."""

import os
from typing import Any

import numpy as np
import tensorflow as tf

from st_tf.config import ConfigError


def prepare(replicas: int) -> None:
  """Gives a machine without enough GPUs `replicas` logical CPUs, at most one per core.

  Raises:
    ConfigError: TensorFlow has been used before with another number.
  """
  if len(tf.config.list_physical_devices('GPU')) < replicas <= (os.cpu_count() or 1) and replicas > 1:
    processor = tf.config.list_physical_devices('CPU')[0]
    try:
      tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * replicas)
    except RuntimeError as error:
      if len(tf.config.list_logical_devices('CPU')) < replicas:
        raise ConfigError(
          f'--replicas on processors is settled before TensorFlow is used. Received: {replicas} in a process that has used it.'
          ' Start the program or the kernel again, and draw with it first.'
        ) from error


def has_gpu() -> bool:
  """Whether training takes place on a device that has a memory of its own."""
  return bool(tf.config.list_physical_devices('GPU'))


def strategy(replicas: int) -> tf.distribute.Strategy:
  """How `replicas` devices train together: GPUs where there are any, else logical CPUs.

  Raises:
    ConfigError: there are not so many devices.
  """
  if replicas == 1:
    return tf.distribute.get_strategy()
  devices = max((tf.config.list_logical_devices(kind) for kind in ('GPU', 'CPU')), key=len)
  if len(devices) < replicas:
    raise ConfigError(f'--replicas is at most the number of devices, {len(devices)} here. Received: {replicas}.')
  return tf.distribute.MirroredStrategy([device.name for device in devices[:replicas]])


def spread(where: tf.distribute.Strategy, batch: Any) -> Any:
  """A batch, tensors [examples, ...], in equal shares, one per replica; the batch itself where there is but one."""
  replicas = where.num_replicas_in_sync
  if replicas == 1:
    return batch

  def part(context: tf.distribute.experimental.ValueContext) -> Any:
    index = context.replica_id_in_sync_group
    return tf.nest.map_structure(lambda values: tf.split(values, replicas)[index], batch)

  return where.experimental_distribute_values_from_function(part)


def gathered(where: tf.distribute.Strategy, outputs: Any) -> np.ndarray:
  """The replicas' outputs in the order of the batch."""
  return np.concatenate([part.numpy() for part in where.experimental_local_results(outputs)])
