"""Pruning during training by a soft threshold, without a search (ST-3: Vanderschueren and De Vleeschouwer, WACV 2023).

The forward pass sees sign(w) * max(|w| - t, 0), rescaled; the gradient goes straight through to the dense weights; t is the magnitude
that the cubic schedule's sparsity has over the whole network.
"""

import dataclasses

from st_tf.config import PRUNED_LAYERS, Config
from st_tf.methods._method import Method, one_training
from st_tf.runs.run import begin, train_to_the_end
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.plan import Plan, pruning_alone

_RANKING = 'global'


def plan(config: Config, steps_per_epoch: int) -> Plan:
  """What happens when: rankings by the cubic schedule."""
  return pruning_alone(_published(config), steps_per_epoch)


def draw(task: Task, config: Config, workdir: Workdir) -> Ticket:
  """The ticket of the highest sparsity; those of the lower ones are in the workdir too."""
  config = _published(config)
  run = begin(task, config, plan(config, task.steps_per_epoch(config.batch_size)), workdir)
  train_to_the_end(run)
  return run.save_ticket(max(config.pruning.sparsity))


def _published(config: Config) -> Config:
  published = {'reactivation': 'soft_threshold', 'pruning_schedule': 'cubic', 'ranking': _RANKING, 'unit_slope': False}
  pruning = dataclasses.replace(config.pruning, **published)
  return dataclasses.replace(config, pruning=pruning)


METHOD = Method(
  plan=plan,
  draw=draw,
  reads=(*PRUNED_LAYERS, 'prune_begin', 'prune_end', 'prune_interval', 'reactivation_end', 'layer_floor'),
  trainings=one_training,
  ranking=_RANKING,
  pruning=f'cubic, soft_threshold, {_RANKING} ranking',
)
