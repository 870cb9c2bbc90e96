"""`st_tf.transfer`: the command of that name for Python."""

import os
from typing import TYPE_CHECKING, Any

from st_tf import workers
from st_tf.api.calls import call_of, prepare_tensorflow, requested
from st_tf.config.request import Request
from st_tf.errors import UserError
from st_tf.runs import claimed
from st_tf.task import Task

if TYPE_CHECKING:
  from st_tf.ticket import Ticket

GIVEN_BY_TICKET = ('sparsity', 'target_macs', 'target_latency_ms')
GIVEN_BY_TRANSFER = ('method', 'init_from')


class TransferError(UserError):
  """Settings that a transfer does not have."""


def transfer(
  ticket: str | os.PathLike[str],
  task: Task | str = '',
  *,
  workdir: str | os.PathLike[str] = '',
  controls: bool = False,
  fresh: bool = False,
  config: str | os.PathLike[str] = '',
  recipe: str = '',
  scale_with_batch: bool = False,
  **settings: Any,
) -> 'Ticket':
  """Moves a ticket to another task: its body, mask and weights stay, the head is new.

  It is the command `python -m st_tf.transfer` without its process; the same call goes on with a run that was interrupted.

  Args:
    ticket: folder of the ticket.
    task: where it goes, or its name.
    workdir: folder for all of it; '' = runs/TASK-transfer-FINGERPRINT-SEED.
    controls: whether the four controls are trained too, and compared.
    fresh: whether to forget what is in the folder and start over.
    config: a JSON file of settings.
    recipe: settings of the paper in the place of the defaults.
    scale_with_batch: whether the recipe's learning rate scales with the batch.
    **settings: of the training, by the names of their flags.

  Returns:
    The moved ticket; those of the controls are in the workdir too.

  Raises:
    UserError: what the command would say.
    KeyboardInterrupt: by the user, after the step that was going on; the state is saved.
  """
  if not isinstance(ticket, (str, os.PathLike)):
    raise TransferError(f'A transfer begins with the folder of a ticket. Received: {type(ticket).__name__}. Save it, and give the folder.')
  request = requested(task, settings, config, recipe, scale_with_batch)
  check(request, controls, isinstance(task, Task))
  claimed.check_transfer(workdir, request, os.fspath(ticket), fresh, asks_others=False)
  prepare_tensorflow()
  from st_tf.api.interruptible import interruptible
  from st_tf.api.transferring import Transfer
  from st_tf.ticket import Ticket

  move = Transfer.prepared(request, ticket, workdir, controls, task if isinstance(task, Task) else None)
  said = {'ticket': os.fspath(ticket), 'controls': controls, 'config': config, 'recipe': recipe, 'scale_with_batch': scale_with_batch}
  paths = interruptible(lambda process: move.run(process, fresh), call_of('transfer', task, said | settings), fresh)
  return Ticket.load(paths[0])


def check(request: Request, controlled: bool, has_task: bool = False) -> None:
  """Refuses what contradicts a transfer, before TensorFlow is loaded.

  Args:
    request: what is wanted of the training.
    controlled: whether the controls are trained too.
    has_task: whether the task is at hand.

  Raises:
    TransferError: naming the setting.
  """
  workers.check_alone('A transfer')
  given, config = request.given, request.resolved()
  if 'task' not in given and not request.recipe and not has_task:
    raise TransferError('--task is needed: what the ticket moves to. Received: none. Write --task=NAME.')
  settled = next((name for name in GIVEN_BY_TICKET if name in given), '')
  if settled:
    raise TransferError(f'The ticket says how sparse and how large a network is moved. Received: --{settled}. Leave it out.')
  other = next((name for name in GIVEN_BY_TRANSFER if name in given), '')
  if other:
    raise TransferError(f'This command moves the ticket in --ticket. Received: --{other}. Leave it out.')
  changed = [name for name in ('freeze_body', 'reactivate') if getattr(config.transfer, name)]
  changed += ['control'] if config.transfer.control != 'none' else []
  if controlled and changed:
    raise TransferError(f'--controls do the same training with another start. Received: --{changed[0]} too. Leave out one of them.')
