"""Alternating compressed and decompressed phases, the last one compressed (AC/DC: Peste et al., NeurIPS 2021).

Where a phase ends, the mask is that of the largest magnitudes by `--ranking` (published: 'global'), or everything; what had been
pruned goes on from zero, without momentum.
"""

import dataclasses

import numpy as np

from st_tf.config import PRUNED_LAYERS, Config, ConfigError
from st_tf.config.duration import share
from st_tf.methods import _first_mask as first_mask
from st_tf.methods._method import Method, one_training
from st_tf.pruning import Mask
from st_tf.pruning.fit import ranked
from st_tf.pruning.schedules._alternating import Alternating
from st_tf.runs.run import Run
from st_tf.runs.start import fresh
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.plan import Plan, pruning_alone, training_alone

_PHASE = share(0.05)  # Of the training: 5 of 100 epochs.


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when: from `--prune_begin` to `--prune_end` phases of a twentieth of the training in turns, then compressed.

  The dense phase before the end is twice as long. As published for ImageNet (section 4) with --prune_end=0.85.

  Raises:
    ConfigError: several sparsities, of which each needs a training of its own; too short a time for phases.
  """
  sparsity, training = first_mask.sparsity(config), training_alone(config, steps_per_epoch)
  planned = pruning_alone(config, steps_per_epoch).pruning
  if planned is None:
    return training
  phase = max(training.steps(_PHASE), 1)
  # Whole pairs of phases, and at the end a compressed one and a long decompressed one.
  pairs = (planned.end_step - planned.begin_step - 3 * phase) // (2 * phase)
  if pairs < 0:
    raise ConfigError(
      f'Compressed and decompressed phases are {phase} steps long here, and at least three pass. Received: {planned.begin_step} to'
      f' {planned.end_step}, from --prune_begin to --prune_end. Lower the one or raise the other.'
    )
  begin = planned.end_step - (3 + 2 * pairs) * phase
  return dataclasses.replace(training, pruning=Alternating(sparsity, begin, planned.end_step, phase))


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """A ticket of the supernet."""
  config = dataclasses.replace(config, pruning=dataclasses.replace(config.pruning, reactivation='masked'))
  schedule = plan(config, task.steps_per_epoch(config.batch_size))
  run = Run(fresh(task, config, schedule), schedule, workdir)
  for epoch in run.epochs():
    for images, targets in run.batches(epoch):
      run.step(images, targets)
      if schedule.pruning is not None and schedule.pruning.is_event(run.trainer.step):
        _switch(run, schedule.pruning.sparsity_at(run.trainer.step))
    run.end_epoch(epoch)
  return run.save_ticket(first_mask.sparsity(config))


def _switch(run: Run, sparsity: float) -> None:
  trainer, before, how = run.trainer, run.trainer.mask, run.config.pruning
  everything = Mask({name: np.ones_like(kept) for name, kept in before.items()})
  # The weights themselves: averages lag behind those that have just come back from zero.
  magnitudes = {name: np.abs(weight.numpy()) for name, weight in first_mask.weights(trainer).items()}
  after = ranked(trainer.model, magnitudes, sparsity, how.ranking, how.layer_floor) if sparsity else everything
  trainer.hold(after, sparsity, final=False)
  run.record('prune', sparsity=after.sparsity, pruned=before.returned(after), returned=after.returned(before), final=False)


METHOD = Method(
  plan=plan,
  draw=draw,
  reads=(*PRUNED_LAYERS, 'prune_begin', 'prune_end', 'ranking', 'layer_floor'),
  trainings=one_training,
  published={'ranking': 'global', 'prune_end': 0.85},
  pruning='compressed and decompressed in turns',
)
