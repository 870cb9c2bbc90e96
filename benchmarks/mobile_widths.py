"""Which MobileNets a ticket is compared with: the widths of equal MACs and of equal latency, untrained, in LiteRT.js.

python benchmarks/mobile_widths.py --ticket=FOLDER [--image_size=224]
"""

from collections.abc import Sequence
import dataclasses

from mobilenets import NETWORKS, network
import numpy as np

from st_tf import command, quiet
from st_tf.config import flags

_WIDTHS = {'mobilenet_v2': (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.4), 'mobilenet_v3_small_minimalistic': (0.25, 0.5, 1.0, 1.5, 2.0, 3.0)}


@dataclasses.dataclass(frozen=True)
class Options:
  """What to compare with."""

  ticket: str = dataclasses.field(default='', metadata={'help': 'Folder of the ticket.'})
  image_size: int = dataclasses.field(default=224, metadata={'help': 'Side in pixels at which latencies are compared.'})
  rounds: int = dataclasses.field(default=15, metadata={'help': 'How often each file is timed; they take turns.'})


def main(argv: Sequence[str]) -> None:
  """Prints the measured widths and, between them, the equal ones."""
  options = flags.read_options(argv, Options, __doc__)
  with quiet.imports():
    from mobile import encoded, encoded_ticket, resized

    from st_tf.models import cost
    from st_tf.ticket import Ticket
    from tflite.runtimes import wasm
  ticket = Ticket.load(options.ticket)
  model = resized(ticket, options.image_size)
  macs = cost.of(model, ticket.masks).nonzero_macs
  names, sizes, contents = ['ticket'], [macs], [encoded_ticket(ticket, model, sparse=True)]
  for name in NETWORKS:
    for width in _WIDTHS[name]:
      other = network(name, width, options.image_size, len(ticket.task.labels))
      names.append(f'{name} {width:g}')
      sizes.append(cost.of(other).macs)
      contents.append(encoded(other, ticket))
  image = np.random.default_rng(0).random((1, options.image_size, options.image_size, 3), np.float32)
  times = [found.latency for found in wasm.measure(contents, image, options.rounds)]
  for row in zip(names, sizes, contents, times):
    print(f'{row[0]:40} {row[1] / 1e6:8.2f} M MACs  {len(row[2]) / 1e6:6.2f} MB  {row[3]:6.2f} ms')
  for name in NETWORKS:
    places = [index for index, each in enumerate(names) if each.startswith(f'{name} ')]
    for what, values, wanted in (('MACs', sizes, macs), ('latency', times, times[0])):
      measured = np.maximum.accumulate([values[index] for index in places])
      if measured[0] <= wanted <= measured[-1]:
        # MACs grow with the square of the width.
        width = np.sqrt(np.interp(wanted, measured, np.square(_WIDTHS[name])))
        print(f'{name}: width {width:.2f} has the {what} of the ticket')
      else:
        print(f'{name}: the {what} of the ticket lie outside of those of the measured widths')


if __name__ == '__main__':
  command.run(main)
