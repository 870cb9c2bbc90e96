"""Moves a ticket to another task: python -m st_tf.transfer --ticket=FOLDER --task=NAME [--controls] [flags of a training]

Body, mask and weights stay, the head is new. With --controls the same training is also done with the ticket's mask and random
weights, with a random mask of as many weights per layer, with the whole body, and for a ticket drawn on the task itself: of the same
supernet, searched to as many MACs and as sparse; its head is left unpruned where the moved ticket's is.
"""

from collections.abc import Sequence
import dataclasses

from absl import flags as absl_flags

from st_tf import command, elsewhere, quiet
from st_tf.api.transfer import GIVEN_BY_TICKET, GIVEN_BY_TRANSFER, check
from st_tf.config import flags, named_files
from st_tf.config.request import Request
from st_tf.runs import claimed


@dataclasses.dataclass(frozen=True)
class Options:
  """What this command does beside the training's settings."""

  ticket: str = dataclasses.field(default='', metadata={'help': 'Folder of the ticket.'})
  workdir: str = dataclasses.field(
    default='', metadata={'help': 'Folder for all of it; empty = runs/TASK-transfer-FINGERPRINT-SEED, of the ticket.'}
  )
  controls: bool = dataclasses.field(default=False, metadata={'help': 'Train the four controls too, and compare.'})
  dry_run: bool = dataclasses.field(default=False, metadata={'help': "Print the plan of the ticket's training and stop."})
  fresh: bool = dataclasses.field(default=False, metadata={'help': 'Forget what is in the workdir and start over.'})

  def __post_init__(self):
    if not self.ticket:
      raise flags.FlagError('--ticket is needed. Received: none. Write --ticket=FOLDER.')


def main(argv: Sequence[str]) -> int:
  """Runs the command; the exit code is 0, or 130 after an interruption."""
  values = absl_flags.FlagValues()
  flags.define(values, dataclasses.fields(Options))
  flags.define_config(values)
  flags.parse(argv, values, __doc__, unread=(*GIVEN_BY_TICKET, *GIVEN_BY_TRANSFER))
  request, options = flags.request(values), flags.options_from(values, Options)
  check(request, options.controls)
  request.check_there()
  named_files.check_ticket(options.ticket)
  with elsewhere.worked_in(options.workdir, not options.dry_run, options.fresh) as folder:
    return _transfer(argv, request, dataclasses.replace(options, workdir=folder))


def _transfer(argv: Sequence[str], request: Request, options: Options) -> int:
  if not options.dry_run:
    claimed.check_transfer(options.workdir, request, options.ticket, options.fresh)
  with quiet.imports():
    from st_tf.api.transferring import Transfer
    from st_tf.runs.process import Process
  transfer = Transfer.prepared(request, options.ticket, options.workdir, options.controls)
  if options.dry_run:
    for line in transfer.plan():
      print(line, flush=True)
    return 0
  process = Process(command.line(argv), command.again(options.fresh), command.stopping)
  return command.drawn(lambda: transfer.run(process, options.fresh))


if __name__ == '__main__':
  command.run(main)
