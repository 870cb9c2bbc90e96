"""What a moved ticket is compared with: the same training from another start."""

from collections.abc import Iterator, Mapping
import dataclasses
import pathlib
from typing import Any

from st_tf.arch.graph import Graph
from st_tf.config import CONTROLS, RANDOM, Config, TransferConfig
from st_tf.methods import supertickets, transfer
from st_tf.models import cost
from st_tf.runs import start
from st_tf.runs.target import check_sparsity
from st_tf.task import Task
from st_tf.ticket import Ticket, moving
from st_tf.training.trainer import Trainer
from st_tf.wording import score, score_name

DRAWN_HERE = 'drawn_here'  # The control that is a ticket of the task itself.
ALL = (*CONTROLS, DRAWN_HERE)  # The moved ticket itself first.
NAMES = {
  'none': 'the ticket',
  'random_weights': 'its mask, random weights',
  'random_mask': 'random mask, random weights',
  'dense_body': 'its body, no mask',
  DRAWN_HERE: 'a ticket drawn on this task',
}


def exchanged(config: Config, name: str) -> Config:
  """The settings of a control that exchanges what the ticket brings."""
  rewind = config.transfer.rewind and name not in RANDOM
  return dataclasses.replace(config, transfer=dataclasses.replace(config.transfer, control=name, rewind=rewind))


def drawn_here(task: Task, ticket: Ticket, config: Config, supernet: pathlib.Path, moved: Mapping[str, Any]) -> Config:
  """The settings that draw a ticket of the moved one's supernet on the task itself: as sparse, of as many MACs, in the same layers.

  Args:
    task: what it is drawn on.
    ticket: as it was before it moved.
    config: the transfer's settings.
    supernet: file with the supernet of the ticket's body for the task; a trained network is the one that the ticket's run names.
    moved: 'sparsity', 'macs' and 'supernet_macs' of the moved ticket.
  """
  pruning = dataclasses.replace(config.pruning, sparsity=(moved['sparsity'],), **moving.pruned_layers(ticket, task.head))
  begun = {'supernet': str(supernet)}
  if isinstance(ticket.supernet, Graph):  # It begins with the weights that the ticket's own run began with.
    settings = moving.begun(ticket)
    begun = {name: settings[name] for name in ('supernet', 'weights', 'pixels', 'padding')}
  is_smaller = moved['macs'] < moved['supernet_macs']
  search = {'target_macs': float(moved['macs'])} if is_smaller else {'target_macs': 0.0, 'penalty': 0.0}
  return dataclasses.replace(
    config,
    method='supertickets',
    init_from='',
    pruning=pruning,
    transfer=TransferConfig(),
    search=dataclasses.replace(config.search, target_latency_ms=0.0, **search),
    **begun,
  )


def check_drawn_here(task: Task, ticket: Ticket, config: Config, supernet: pathlib.Path) -> None:
  """Refuses settings with which no ticket can be drawn on the task itself: what the last of five trainings cannot have.

  Raises:
    UserError: naming the setting.
  """
  steps = task.steps_per_epoch(config.batch_size)
  settled = transfer.settled(task, config)
  moved = transfer.trainer(task, settled, transfer.plan(settled, steps))
  (sparsity,) = settled.pruning.sparsity
  asked = {'sparsity': sparsity, 'macs': cost.of(moved.model).macs, 'supernet_macs': moved.initial['macs']}
  own = drawn_here(task, ticket, config, supernet, asked)
  plan = supertickets.plan(own, steps)
  is_graph = isinstance(ticket.supernet, Graph)  # Whose file has to be there.
  arch = start.supernet(own.supernet, task, own) if is_graph else transfer.supernet(task, ticket, config.transfer.input_stride)
  check_sparsity(Trainer(arch, task, own, plan.pruning, searching=plan.search_every > 0), plan)


def result(ticket: Ticket) -> dict[str, Any]:
  """What a finished training of the comparison came to."""
  cost = ticket.cost
  return {
    'metric': ticket.task.primary_metric,
    **{split: ticket.metrics[split] for split in ('validation', 'test')},
    **{name: getattr(cost, name) for name in ('macs', 'supernet_macs', 'nonzero_macs', 'prunable', 'zeros')},
    'sparsity': ticket.sparsity,
    'fingerprint': ticket.fingerprint,
  }


def lines(results: Mapping[str, Mapping[str, Any]], title: str) -> Iterator[str]:
  """The comparison for people.

  Args:
    results: `result` of each training, by control.
    title: above the table.
  """
  metric = next(iter(results.values()))['metric']
  yield ''
  yield title
  width = max(len(NAMES[name]) for name in results)
  yield f'{"":{width}}  {"validation":>10}  {"test":>10}  sparsity  non-zero MACs   {score_name(metric)}'
  for name, row in results.items():
    shown = (score(metric, row[split][metric]) for split in ('validation', 'test'))
    yield '  '.join(
      [f'{NAMES[name]:{width}}', *(f'{value:>10}' for value in shown), f'{row["sparsity"]:>8.1%}', f'{row["nonzero_macs"]:>13,}']
    )
