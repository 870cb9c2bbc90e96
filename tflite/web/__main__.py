"""Shows a ticket in the browser: python -m tflite.web --ticket=FOLDER [--port=8000]

One page on localhost, until Ctrl-C: it names what is in a picture, and times the ticket stored dense next to sparse. Nothing is
written, and nothing leaves this computer.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import dataclasses
import errno
import ipaddress
import sys
import threading
from typing import Any

from st_tf import command, quiet, wording
from st_tf.config import flags, named_files
from st_tf.errors import UserError
from st_tf.files import expanded
from st_tf.task import DataConfig
from tflite.file.formats import FORMATS
from tflite.runtimes.browser import missing_packages, served

_LAST_PORT = 65535


@dataclasses.dataclass(frozen=True)
class Options:
  """What to show, and where."""

  ticket: str = dataclasses.field(default='', metadata={'help': 'Folder of the ticket.'})
  port: int = dataclasses.field(default=8000, metadata={'help': 'Where on localhost; 0 = any free one.'})
  host: str = dataclasses.field(
    default='127.0.0.1',
    metadata={
      'help': "This computer's address in a network, such as 192.168.1.20, for a phone there to open the page; whoever is in that network"
      ' can then open it too. 127.0.0.1 = only this computer.'
    },
  )
  format: str = dataclasses.field(
    default='',
    metadata={
      'help': 'Numbers in the file that is shown; empty = those of the file to ship, the smallest that was exported beside the ticket, and'
      ' float32 where there is none.',
      'choices': ('', *FORMATS),
    },
  )
  examples: int = dataclasses.field(
    default=6, metadata={'help': "Pictures of the ticket's validation split to try; with 0 its data is not needed."}
  )
  task: str = dataclasses.field(
    default='', metadata={'help': "Task to take pictures from; empty = the ticket's own, which has to be named where it is module:PATH."}
  )

  def __post_init__(self):
    if not self.ticket:
      raise flags.FlagError('--ticket is needed. Received: none. Write --ticket=FOLDER.')
    try:
      address = ipaddress.IPv4Address(self.host)
    except ValueError:
      address = None
    if address is None or address.is_unspecified:
      raise flags.FlagError(
        f'--host is an IPv4 address of this computer. Received: {self.host!r}. hostname -I lists them; leave it out for this computer only.'
      )
    if not 0 <= self.port <= _LAST_PORT:
      raise flags.FlagError(f'--port is from 0 to {_LAST_PORT}. Received: {self.port}. Leave it out, or take 0 for any free one.')
    if self.examples < 0:
      raise flags.FlagError(f'--examples is not negative. Received: {self.examples}. Take 0 for none.')


def main(argv: Sequence[str]) -> None:
  """Runs the command until Ctrl-C."""
  options, given = flags.read_options_and_data(argv, Options, __doc__, DataConfig)
  named_files.check_ticket(options.ticket)
  if missing_packages():
    raise UserError(missing_packages())
  print(f'Preparing {options.ticket}, stored dense and sparse; a large ticket takes a minute', flush=True)
  with serving(options, given) as address, contextlib.suppress(KeyboardInterrupt):
    print(f'{address} shows {options.ticket}; Ctrl-C ends it', flush=True)
    if not ipaddress.ip_address(options.host).is_loopback:
      print('Whoever is in this network can open it, unencrypted. Browsers give pages from elsewhere no camera; pictures work.', flush=True)
    threading.Event().wait()


@contextlib.contextmanager
def serving(options: Options, given: Mapping[str, Any]) -> Iterator[str]:
  """The address of the page, for as long as the context lasts.

  Args:
    options: what to show.
    given: settings of `DataConfig` that replace those of the training.

  Raises:
    UserError: there is no such ticket, it cannot be shown, or the port cannot be had.
  """
  pages: dict[str, bytes] = {}
  with contextlib.ExitStack() as stack:
    try:
      # Before the ticket is converted, which takes a while: the port may be taken.
      address = stack.enter_context(served(pages, options.port, host=options.host))
    except OSError as error:
      if error.errno == errno.EADDRNOTAVAIL:
        raise UserError(f'--host is an address of this computer. Received: {options.host}. hostname -I lists them.') from error
      raise UserError(
        f'--port is one that is free and may be used. Received: {options.port} ({error.strerror}). Take another, or 0 for any free one.'
      ) from error
    pages |= _pages(options, given)
    yield address


def _pages(options: Options, given: Mapping[str, Any]) -> dict[str, bytes]:
  with quiet.imports():
    from st_tf.ticket import Ticket
    from tflite.web import shown, site
  ticket = Ticket.load(options.ticket)
  which = shown.choose(expanded(options.ticket), ticket.fingerprint, options.format)
  if which.name:
    print(f'The page shows {which.name}, {wording.size(len(which.content))}.', flush=True)
  else:
    print(f'The page shows a {which.format} file that is made for it: no such file was exported beside the ticket.', flush=True)
  return site.site(ticket, which, site.models(ticket, which), _examples(ticket, options, given))


def _examples(ticket: Any, options: Options, given: Mapping[str, Any]) -> list[Any]:
  """Pictures to try; none where the data is missing, which is said."""
  if not options.examples:
    return []
  with quiet.imports():
    from st_tf.ticket.task_of import task_of
    from tflite.web import site
  try:
    with quiet.imports():
      task = task_of(ticket, given, options.task)
    return site.examples(task, ticket.task, options.examples)
  except UserError as error:
    print(f'note: the page has no example pictures. {error}', file=sys.stderr)
    return []


if __name__ == '__main__':
  command.run(main)
