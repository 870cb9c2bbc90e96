"""Lists the commands: python -m st_tf."""

from collections.abc import Iterator, Sequence

from st_tf import command

_COMMANDS = {
  'st_tf.train': 'draws a ticket: one training that searches and prunes',
  'st_tf.compare': 'measures ways to a small network against each other',
  'st_tf.transfer': 'moves a ticket to another task',
  'st_tf.evaluate': 'scores a ticket or a .tflite file',
  'st_tf.predict': 'says what a ticket sees in a picture',
  'tflite.export': 'writes a ticket as a .tflite file for phones',
  'tflite.doctor': 'says whether a .tflite file runs sparsely, and what prevents it',
  'tflite.benchmark': 'times .tflite files: here, in a browser, on a phone',
  'tflite.latency_table': 'measures what each operation of a supernet takes',
  'tflite.web': 'serves a page on which a ticket is tried',
  'tflite.android': 'writes an Android project with a ticket in it',
}


def lines() -> Iterator[str]:
  """A line for each command."""
  width = max(map(len, _COMMANDS))
  yield 'Commands, with --help for their flags:'
  yield ''
  yield from (f'  python -m {name:{width}}  {what}' for name, what in _COMMANDS.items())
  yield ''
  yield 'In Python: import st_tf; st_tf.draw, transfer, compare, evaluate, export, Ticket, Task.'


def main(argv: Sequence[str]) -> None:
  """Runs the command."""
  print('\n'.join(lines()))


if __name__ == '__main__':
  command.run(main)
