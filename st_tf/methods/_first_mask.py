"""What methods share that prune once, before any training, and then train what is left."""

from collections.abc import Callable, Iterator
import contextlib
import math

import tensorflow as tf

from st_tf.config import Config, ConfigError
from st_tf.pruning import Mask
from st_tf.pruning.saliency import Loss, Weights
from st_tf.pruning.wrapper import prunable
from st_tf.runs.run import Run, train_to_the_end
from st_tf.runs.start import fresh, load_weights
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.task.scoring import readable
from st_tf.ticket import Ticket
from st_tf.training.meter import STEP_PASSES
from st_tf.training.plan import Plan, training_alone
from st_tf.training.trainer import Trainer

_EXAMPLES_PER_LABEL = 10  # SNIP, section 5; GraSP, section 5.


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when: training alone, under wrappers that hold the mask.

  Raises:
    ConfigError: several sparsities, of which each needs a training of its own.
  """
  return training_alone(config, steps_per_epoch).holding(sparsity(config))


def plan_by_gradients(config: Config, steps_per_epoch: int) -> Plan:
  """As `plan`, of methods that rank by gradients.

  Raises:
    ConfigError: as there, or gradients are of half precision that makes the small ones zero.
  """
  check_gradients(config)
  return plan(config, steps_per_epoch)


def check_gradients(config: Config) -> None:
  """Refuses float16, in which small gradients are zero and could not be ranked.

  Raises:
    ConfigError: with the way out.
  """
  if config.training.precision == 'mixed_float16':
    raise ConfigError(
      f'{config.method} ranks by gradients, small ones too, which float16 makes zero. Received: --precision=mixed_float16. Write'
      ' --precision=mixed_bfloat16, or leave it out.'
    )


def sparsity(config: Config) -> float:
  """The one sparsity of a run.

  Raises:
    ConfigError: there are several.
  """
  if len(config.pruning.sparsity) > 1:
    raise ConfigError(
      f'--method={config.method} trains for one sparsity. Received: --sparsity={",".join(map(str, config.pruning.sparsity))}. Give one,'
      ' and train again for another.'
    )
  return config.pruning.sparsity[0]


def draw(task: Task, config: Config, workdir: Workdir, choose: Callable[[Trainer], Mask]) -> Ticket:
  """The ticket of a mask that is chosen before training.

  Args:
    task: what to train on.
    config: the run's settings.
    workdir: where it goes.
    choose: the mask of a network at its initial weights.

  Raises:
    ConfigError: there are several sparsities.
  """
  schedule = plan(config, task.steps_per_epoch(config.batch_size))

  def prepare(trainer: Trainer) -> None:
    load_weights(trainer)
    trainer.hold(choose(trainer), sparsity(config))

  run = Run(fresh(task, config, schedule), schedule, workdir, prepare)
  train_to_the_end(run)
  return run.save_ticket(sparsity(config))


def weights(trainer: Trainer) -> Weights:
  """The prunable weights by name."""
  return {name: wrapper.pruning_vars[index][0] for name, (wrapper, index) in prunable(trainer.model).items()}


@contextlib.contextmanager
def first_batches(trainer: Trainer, temperature: float = 1.0, gradients: int = 1) -> Iterator[tuple[Loss, list]]:
  """(mean loss of a batch in training, batches with as many examples as ten per label, or what there is); batch norms stay as they are.

  Args:
    trainer: of the network.
    temperature: that outputs are divided by.
    gradients: how many gradients of each batch are taken, which count as training.
  """
  task, config, before = trainer.task, trainer.config, trainer.values()
  count = math.ceil(_EXAMPLES_PER_LABEL * len(task.labels) / config.batch_size)
  batches = list(readable(task.dataset('train', config.batch_size, training=True, seed=config.seed).take(count)))
  images = len(batches) * config.batch_size
  trainer.meter.count(images, images * gradients * STEP_PASSES * trainer.macs)

  def loss(batch: tuple) -> tf.Tensor:
    images, targets = batch
    outputs = trainer.model(images, training=True) / temperature
    return tf.reduce_mean(task.loss(targets, outputs, config.training.label_smoothing))

  try:
    yield loss, batches
  finally:
    for name, variable in trainer.variables.items():
      variable.assign(before[name])
