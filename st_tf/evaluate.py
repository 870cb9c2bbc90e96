"""Scores a ticket or a .tflite file on a task.

python -m st_tf.evaluate --ticket=FOLDER [--task=NAME]
python -m st_tf.evaluate --model=FILE.tflite --task=NAME   # an image classifier of anybody's
"""

from collections.abc import Sequence
import dataclasses
import json

from st_tf import command, quiet
from st_tf import task as tasks
from st_tf.config import flags, named_files
from st_tf.config.groups import PIXELS
from st_tf.task import DataConfig, mistakes

_OF_FILES = ('pixels', 'labels', 'signature', 'output')


@dataclasses.dataclass(frozen=True)
class Options:
  """What to score, on what."""

  ticket: str = dataclasses.field(default='', metadata={'help': 'Folder of a ticket.'})
  model: str = dataclasses.field(default='', metadata={'help': 'A .tflite file, instead of a ticket.'})
  task: str = dataclasses.field(default='', metadata={'help': "Task to score it on; empty = the ticket's own."})
  pixels: str = dataclasses.field(
    default='',
    metadata={'help': "Pixels that a file wants; empty = as it says; 'task' = normalised as the task's.", 'choices': (*PIXELS, 'task')},
  )
  labels: str = dataclasses.field(
    default='',
    metadata={'help': "Text file with the name of each output of a file; empty = as it says; 'task' = the order is the task's."},
  )
  signature: str = dataclasses.field(
    default='', metadata={'help': "Which of a file's signatures; empty = 'serving_default', or the first."}
  )
  output: str = dataclasses.field(default='', metadata={'help': 'Which output of a file that has several.'})
  split: str = dataclasses.field(
    default='test',
    metadata={
      'help': 'Which examples; all = of all splits, such as of a folder of new pictures.',
      'choices': (*tasks.SPLITS, tasks.EVERYTHING),
    },
  )
  batch_size: int = dataclasses.field(default=256, metadata={'help': 'Images per step; changes the time only.'})
  wrong: str = dataclasses.field(
    default='',
    metadata={
      'help': 'A .csv file for the pictures that are classified wrongly, the surest first: name, truth, answer, scores; empty = none.'
    },
  )
  per_class: bool = dataclasses.field(default=False, metadata={'help': 'Show the scores of each class, best first.'})
  json: bool = dataclasses.field(default=False, metadata={'help': 'Print JSON with scores as fractions.'})

  def __post_init__(self):
    if bool(self.ticket) == bool(self.model):
      received = 'both' if self.ticket else 'neither'
      raise flags.FlagError(f'One of --ticket=FOLDER and --model=FILE.tflite is scored. Received: {received}.')
    if self.model and not self.task:
      raise flags.FlagError('A .tflite file does not know its task. Received: no --task. Add --task=NAME.')
    of_files = {name: value for name in _OF_FILES if (value := getattr(self, name))}
    if of_files and not self.model:
      received = ', '.join(f'--{name}={value}' for name, value in of_files.items())
      raise flags.FlagError(
        f'{", ".join(f"--{name}" for name in _OF_FILES)} are of files. Received: {received} for a ticket. Leave it out.'
      )
    if self.batch_size < 1:
      raise flags.FlagError(f'--batch_size is at least 1. Received: {self.batch_size}.')


def main(argv: Sequence[str]) -> None:
  """Runs the command."""
  options, given = flags.read_options_and_data(argv, Options, __doc__, DataConfig)
  named_files.check_ticket(options.ticket)
  named_files.check_file(options.model)
  if options.wrong:
    mistakes.check_place(options.wrong)
  with quiet.imports():
    from st_tf.api import evaluation, foreign
    from st_tf.ticket import Ticket

    if options.model:
      reading = foreign.Reading(**{name: getattr(options, name) for name in _OF_FILES})
      network, task = foreign.network(options.model, given, options.task, reading)
    else:
      network, task = evaluation.of_ticket(Ticket.load(options.ticket), options.ticket, given, options.task)
  result = evaluation.scored(network, task, options.split, options.batch_size, options.wrong)
  if options.json:
    facts = dataclasses.asdict(result)
    print(json.dumps(facts if options.per_class else {name: value for name, value in facts.items() if name != 'per_class'}, indent=2))
  else:
    print('\n'.join(evaluation.lines(result, options.per_class)))


if __name__ == '__main__':
  command.run(main)
