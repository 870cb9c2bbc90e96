"""Would this graph run sparsely on a phone? python -m tflite.doctor --model=FILE.tflite | --ticket=FOLDER

Names each operation that prevents it, and what to change. Works on any .tflite file. Exit code 0 = sparsely, 1 = not.
"""

from collections.abc import Sequence
import dataclasses
import pathlib
import shlex
from typing import Any

from st_tf import command, quiet
from st_tf.config import flags, named_files
from st_tf.files import expanded
from tflite.file import model_file
from tflite.file.model_file import SERVING

_SHOWN = 12
COPY = 'model.tflite'  # In a ticket's folder, as `st_tf.ticket` calls it, which would load TensorFlow.


@dataclasses.dataclass(frozen=True)
class Options:
  """What to examine."""

  model: str = dataclasses.field(default='', metadata={'help': 'A .tflite file.'})
  ticket: str = dataclasses.field(
    default='', metadata={'help': 'Folder of a ticket, instead of a file: its network as it would be exported.'}
  )
  signature: str = dataclasses.field(
    default='', metadata={'help': f"Which graph of a file that has several, by its signature; empty = '{SERVING}', or the first."}
  )

  def __post_init__(self):
    if self.signature and not self.model:
      raise flags.FlagError(f'--signature is of a file. Received: --signature={self.signature} without --model. Leave it out.')
    if bool(self.model) == bool(self.ticket):
      received = 'both' if self.model else 'neither'
      raise flags.FlagError(f'One of --model=FILE.tflite and --ticket=FOLDER is examined. Received: {received}.')


def main(argv: Sequence[str]) -> int:
  """Runs the command; 0 = a part of the graph runs sparsely, 1 = nothing does."""
  options = flags.read_options(argv, Options, __doc__)
  named_files.check_ticket(options.ticket)
  named_files.check_file(options.model)
  with quiet.imports():
    from tflite.file import flat, sparse_rules
  model = flat.read(_content(options), options.model or options.ticket, options.signature)
  diagnosis = sparse_rules.diagnose(model)
  told = [*lines(diagnosis), *(f'  {note}' for note in _notes(model))]
  copy = _of_copy(options.model)
  print('\n'.join([copy, *told] if copy else told))
  if options.ticket and not diagnosis.sparse:
    print('  networks of --supernet=mobile have the form that runs sparsely, at image sizes that 32 divides')
  return 0 if diagnosis.sparse else 1


def _of_copy(path: str) -> str:
  """What is said of the copy of a ticket's network that lies in its folder; '' of any other file."""
  file = expanded(path)
  if not path or file.name != COPY or not (file.parent / named_files.TICKET).is_file():
    return ''
  ticket = shlex.quote(str(pathlib.Path(path).parent))
  return (
    f'{path} is the unoptimised copy of the network as it was trained, with all zeros stored: to check with, not to ship. This makes the'
    f' file to ship: python -m tflite.export --ticket={ticket} --format=float16\nOf the copy:'
  )


def _notes(model: Any) -> list[str]:
  free = [index for index in model.inputs if model.tensors[index].batch == -1]
  return list(filter(None, (model.note, 'its batch is not fixed, and is taken as 1' if free else '')))


def lines(diagnosis: Any) -> list[str]:
  """The diagnosis for people."""
  inside, every = diagnosis.operations
  share = 'how many of their weights are zero is not known' if diagnosis.zeros is None else f'{diagnosis.zeros:.0%} of their weights'
  if diagnosis.sparse:
    told = [f'sparse: {inside} of {every} 1x1 convolutions skip their zeros ({share})']
  elif every:
    told = [f'dense: none of {every} 1x1 convolutions skips its zeros ({share})']
  else:
    told = ['dense: there is no 1x1 convolution that could skip zeros']
  shown = list(dict.fromkeys(diagnosis.findings))
  told += [f'  {finding.where}: {finding.what}; {finding.change}' for finding in shown[:_SHOWN]]
  return told + ([f'  and {len(shown) - _SHOWN} more like these'] if len(shown) > _SHOWN else [])


def _content(options: Options) -> bytes:
  if options.model:
    return model_file.load(options.model)
  with quiet.imports():
    from st_tf.ticket import Ticket
    from tflite.deployment import of_ticket
    from tflite.file.encode import encode
  ticket = Ticket.load(options.ticket)
  network = of_ticket(ticket)
  return encode(network.function, ticket.input_shape, sparse=True, variables=network.variables)


if __name__ == '__main__':
  command.run(main)
