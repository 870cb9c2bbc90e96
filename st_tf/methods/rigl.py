"""Dynamic sparse training: sparse from the first step, with weights that move (RigL: Evci et al., ICML 2020).

The mask begins at random with the Erdos-Renyi kernel's density per layer. Until `--prune_end` every `--prune_interval` a falling share
of each layer's weights is exchanged: the smallest go, those with the largest gradients come, at zero and without momentum.
"""

from collections.abc import Callable
import dataclasses

import numpy as np
import tensorflow as tf

from st_tf.config import PRUNED_LAYERS, Config
from st_tf.methods import _first_mask as first_mask
from st_tf.methods._method import Method, one_training
from st_tf.pruning import rank, rigl, saliency
from st_tf.pruning.schedules.constant import Constant
from st_tf.pruning.wrapper import wrappers
from st_tf.runs.run import Run
from st_tf.runs.start import fresh, load_weights
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training import replicas
from st_tf.training.meter import STEP_PASSES
from st_tf.training.plan import Plan, pruning_alone, training_alone
from st_tf.training.trainer import Trainer


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when: an exchange of weights at each of the schedule's events.

  Raises:
    ConfigError: several sparsities, of which each needs a training of its own, or gradients of half precision that are zero.
  """
  first_mask.check_gradients(config)
  sparsity, planned = first_mask.sparsity(config), pruning_alone(config, steps_per_epoch)
  training = training_alone(config, steps_per_epoch)
  if planned.pruning is None:
    return training
  interval = planned.pruning.frequency
  return dataclasses.replace(training, pruning=Constant(sparsity, interval, max(planned.pruning.end_step, interval), interval))


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """A ticket of the supernet."""
  schedule = plan(config, task.steps_per_epoch(config.batch_size))
  run = Run(trainer(task, config, schedule), schedule, workdir, _prepare)
  gradients = _gradients(run.trainer)
  for epoch in run.epochs():
    for images, targets in run.batches(epoch):
      run.step(images, targets)
      if schedule.pruning is not None and schedule.pruning.is_event(run.trainer.step):
        _exchange(run, gradients(images, targets), rigl.drop_fraction(run.trainer.step, schedule.pruning.end_step))
    run.end_epoch(epoch)
  return run.save_ticket(first_mask.sparsity(config))


def trainer(task: Task, config: Config, plan: Plan) -> Trainer:
  """A trainer whose wrappers can show the gradient of every weight; weights that are not alive are moved by none."""
  own = {'reactivation': 'dense_gradient', 'damping': 1.0, 'ranking': 'erk', 'layer_floor': 0.0}
  return fresh(task, dataclasses.replace(config, pruning=dataclasses.replace(config.pruning, **own)), plan)


def _prepare(trainer: Trainer) -> None:
  load_weights(trainer)
  sparsity = first_mask.sparsity(trainer.config)
  if sparsity:
    trainer.hold(rank(saliency.random(first_mask.weights(trainer), trainer.config.seed), sparsity, 'erk'), sparsity, final=False)


def _exchange(run: Run, gradients: dict[str, np.ndarray], fraction: float) -> None:
  trainer = run.trainer
  trainer.meter.count(0, trainer.config.batch_size * STEP_PASSES * trainer.macs)  # The batch's dense gradients, once more.
  before = trainer.mask
  magnitudes = {name: np.abs(weight.numpy()) for name, weight in first_mask.weights(trainer).items()}
  after = rigl.exchanged(before, magnitudes, gradients, fraction)
  new = rigl.grown(before, after, magnitudes, fraction)
  trainer.hold(after, trainer.requested, final=False)
  trainer.network.clear(new)
  run.record('prune', sparsity=after.sparsity, pruned=before.returned(after), returned=after.returned(before), final=False)


def _gradients(trainer: Trainer) -> Callable[[tf.Tensor, tf.Tensor], dict[str, np.ndarray]]:
  """A function of a batch: the gradient of its loss with respect to every prunable weight, alive or not, at the masked network."""
  weights, where = first_mask.weights(trainer), trainer.strategy

  def part(images: tf.Tensor, targets: tf.Tensor) -> list[tf.Tensor]:
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(list(weights.values()))
      outputs = trainer.model(images, training=True)
      loss = tf.reduce_mean(trainer.task.loss(targets, outputs, trainer.config.training.label_smoothing))
    return tape.gradient(loss, list(weights.values()), unconnected_gradients='zero')

  @tf.function
  def compute(images: tf.Tensor, targets: tf.Tensor) -> list[tf.Tensor]:
    return [where.reduce(tf.distribute.ReduceOp.MEAN, each, axis=None) for each in where.run(part, (images, targets))]

  def gradients(images: tf.Tensor, targets: tf.Tensor) -> dict[str, np.ndarray]:
    # The pass through the network leaves no trace: statistics and counters are put back.
    kept = {name: variable.numpy() for name, variable in trainer.variables.items() if name not in trainer.trainable}
    for wrapper in wrappers(trainer.model):
      wrapper.open.assign(1.0)
    values = [gradient.numpy() for gradient in compute(*(replicas.spread(where, values) for values in (images, targets)))]
    for wrapper in wrappers(trainer.model):
      wrapper.open.assign(0.0)
    for name, value in kept.items():
      trainer.variables[name].assign(value)
    return dict(zip(weights, values))

  return gradients


METHOD = Method(
  plan=plan,
  draw=draw,
  reads=(*PRUNED_LAYERS, 'prune_end', 'prune_interval'),
  trainings=one_training,
  published={'prune_end': 0.75},
  pruning='sparse from the start; weights are exchanged',
  trainer=trainer,
)
