"""Training on several devices, of one machine or of several."""

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import functools
import hashlib
import inspect
import os
from typing import Any

import numpy as np
import tensorflow as tf

from st_tf import workers
from st_tf.config import Config, ConfigError
from st_tf.task import Task, TaskError
from st_tf.workers import WorkerLost

ONE, MIRRORED, WORKERS = 'one', 'mirrored', 'multi_worker'
# What TensorFlow says where a worker is gone; not of a loss, nor of data.
_GONE = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError, tf.errors.CancelledError)


def kind(config: Config) -> str:
  """How the settings and the environment want devices to train together.

  Raises:
    UserError: several workers are wanted and TF_CONFIG names none, or not this one.
  """
  count = workers.here().count
  if config.strategy == WORKERS and count == 1:
    raise ConfigError(
      f'--strategy={WORKERS} trains with the workers that {workers.VARIABLE} names. Received: one, or none. Set it on every worker'
      ' (docs/clusters.md), or leave --strategy out.'
    )
  if config.strategy == 'auto':
    chosen = WORKERS if count > 1 else MIRRORED if config.replicas > 1 else ONE
  else:
    chosen = config.strategy
  if chosen == WORKERS and config.replicas > 1:
    raise ConfigError(f'Each of several workers trains on the devices that it has. Received: --replicas={config.replicas}. Leave it out.')
  return chosen


def place(config: Config) -> workers.Place:
  """Which of the processes that train together this one is; the only one where no others do."""
  return workers.here() if kind(config) == WORKERS else workers.Place()


def prepare(config: Config) -> None:
  """Readies the devices, before TensorFlow is used: logical CPUs where GPUs are too few, or the other workers, for which it waits.

  Raises:
    ConfigError: TensorFlow has been used before with other devices.
    WorkerLost: another worker went while all waited for each other.
  """
  if kind(config) == WORKERS:
    with watched('while the workers waited for each other'):
      _together()
    return
  replicas = config.replicas
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


def check_batch(config: Config) -> None:
  """Refuses a batch that several workers cannot share evenly.

  Raises:
    ConfigError: naming how many devices there are.
  """
  devices = strategy(config).num_replicas_in_sync if kind(config) == WORKERS else 1
  if config.batch_size % devices:
    raise ConfigError(f'--batch_size is a multiple of the devices of all workers. Received: {config.batch_size} for {devices}.')


def has_gpu() -> bool:
  """Whether training takes place on a device that has a memory of its own."""
  return bool(tf.config.list_physical_devices('GPU'))


def strategy(config: Config) -> tf.distribute.Strategy:
  """How devices train together: this one alone, GPUs or logical CPUs of this machine, or those of all workers.

  Raises:
    ConfigError: there are not so many devices.
  """
  chosen = kind(config)
  if config.training.xla and chosen != ONE and not has_gpu():
    raise ConfigError('XLA compiles for several devices where these are GPUs. Received: --xla, and several processors. Leave it out.')
  if chosen == WORKERS:
    return _together()
  devices = max((tf.config.list_logical_devices(name) for name in ('GPU', 'CPU')), key=len)
  # Of a machine nothing else is said than that all of its GPUs train.
  replicas = len(tf.config.list_logical_devices('GPU')) if chosen == MIRRORED and config.replicas == 1 else config.replicas
  if chosen == MIRRORED and replicas < 2:
    raise ConfigError(f'--strategy={MIRRORED} trains on several devices. Received: {replicas} GPUs. Write --replicas=2 for two of the CPU.')
  if replicas == 1:
    return tf.distribute.get_strategy()
  if len(devices) < replicas:
    raise ConfigError(f'--replicas is at most the number of devices, {len(devices)} here. Received: {replicas}.')
  if config.batch_size % replicas:
    raise ConfigError(f'--batch_size is a multiple of the devices. Received: {config.batch_size} for {replicas}.')
  return tf.distribute.MirroredStrategy([device.name for device in devices[:replicas]])


@functools.lru_cache(maxsize=1)
def _together() -> tf.distribute.Strategy:
  """One for the life of the process: TensorFlow knows one cluster."""
  return tf.distribute.MultiWorkerMirroredStrategy()


def batches(task: Task, config: Config, epoch: int, start: int = 0) -> Any:
  """This worker's part of the training batches of an epoch; the batches themselves where it trains alone.

  Args:
    task: what is trained on.
    config: the run's settings.
    epoch: of order and augmentation.
    start: batches to leave out.

  Raises:
    TaskError: a task of the user's own gives no parts of batches.
  """
  found, share = place(config), {}
  if found.count > 1:
    if 'share' not in inspect.signature(task.dataset).parameters:
      raise TaskError(
        f'On several workers each reads its part of a batch. Received: {task.name}, whose `dataset` has no `share`.'
        ' Add it (st_tf.Task.dataset), or train on one worker.'
      )
    share = {'share': (found.index, found.count)}
  return task.dataset('train', config.batch_size, training=True, seed=config.seed, epoch=epoch, start_batch=start, **share)


def spread(where: tf.distribute.Strategy, batch: Any) -> Any:
  """This worker's part of a batch, tensors [examples, ...], in equal shares, one per replica; the batch itself where there is but one."""
  if where.num_replicas_in_sync == 1:
    return batch
  here = len(where.extended.worker_devices)

  def part(context: tf.distribute.experimental.ValueContext) -> Any:
    index = context.replica_id_in_sync_group % here  # Those of a worker have numbers one after the other.
    return tf.nest.map_structure(lambda values: tf.split(values, here)[index], batch)

  return where.experimental_distribute_values_from_function(part)


def ahead() -> int:
  """How many steps are begun before what one of them gave is read: a GPU that waits for that has nothing to do."""
  return int(has_gpu())


def gathered(where: tf.distribute.Strategy, outputs: Any) -> np.ndarray:
  """The outputs of this worker's replicas, in the order of its part of the batch."""
  return np.concatenate([np.asarray(part) for part in where.experimental_local_results(outputs)])


def agreed(where: tf.distribute.Strategy, said: bool) -> bool:
  """Whether any worker says so; waits until each has been asked, so that all are at the same point afterwards."""
  return bool(_sums(where)([tf.constant(float(said))])[0] > 0)


def differing(where: tf.distribute.Strategy, values: Mapping[str, str]) -> list[str]:
  """The names, the same ones on all workers, whose values are not the same everywhere; every worker has the same answer.

  Raises:
    ConfigError: the names differ already.
  """
  if not _is_alike(where, ['\n'.join(sorted(values))])[0]:
    raise ConfigError('All workers run the same version. Received: another one on one of them. Install the same everywhere.')
  alike = _is_alike(where, [values[name] for name in sorted(values)])
  return [name for name, same in zip(sorted(values), alike, strict=True) if not same]


def _is_alike(where: tf.distribute.Strategy, texts: Sequence[str]) -> list[bool]:
  """Of each text whether all workers have the same: then all of them, or none, have any bit of its digest."""
  digests = [np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8) for text in texts]
  bits = tf.constant(np.unpackbits(digests, axis=1), tf.float32)
  totals = _sums(where)([bits])[0].numpy()
  return [bool(same) for same in np.all((totals == 0) | (totals == where.num_replicas_in_sync), axis=1)]


@functools.lru_cache(maxsize=1)
def _sums(where: tf.distribute.Strategy) -> Callable[[list[tf.Tensor]], list[tf.Tensor]]:
  """A function of tensors: their sums over all replicas. Built once, since each new collective takes memory that stays."""

  @tf.function
  def total(values: list[tf.Tensor]) -> list[tf.Tensor]:
    return [where.reduce(tf.distribute.ReduceOp.SUM, where.run(tf.identity, (value,)), axis=None) for value in values]

  return total


@contextlib.contextmanager
def watched(when: str) -> Iterator[None]:
  """Tells the loss of another worker from faults of this one.

  Args:
    when: what is going on, as the message says it.

  Raises:
    WorkerLost: another worker does not answer.
  """
  try:
    yield
  except _GONE as error:
    first = next((line.strip() for line in str(error).splitlines() if 'task' in line or 'worker' in line), str(error)[:200])
    raise WorkerLost(f'A worker was lost {when} ({first[:200]}).') from error
