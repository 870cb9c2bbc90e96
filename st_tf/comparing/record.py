"""What is known of a finished run: enough for a table, without weights, in a small file that a repository can keep."""

from collections.abc import Mapping
import dataclasses
import json
import os
import pathlib
from typing import Any

from st_tf import files, plain
from st_tf.comparing.entries import essential
from st_tf.config import OF_THE_MACHINE, Config, Identity, named_files
from st_tf.errors import UserError
from st_tf.task import confidence
from st_tf.task.confidence import Interval
from st_tf.ticket import Ticket
from st_tf.ticket.facts import TrainingCost

_SPLITS = ('validation', 'test')
COSTS = ('nonzero_macs', 'macs', 'nonzero_params', 'params')


class RecordError(UserError):
  """A file that holds no record."""


@dataclasses.dataclass(frozen=True)
class Record:
  """What a run came to.

  Attributes:
    ticket: fingerprint of its ticket.
    metrics: scores by split; the test split is missing until it is scored.
    cost: of the network: 'nonzero_macs', 'macs', 'nonzero_params', 'params'.
    training: what all its training has cost.
    size: bytes of the ticket's .tflite file, kernels without their zeros.
    examples: of the data it was trained and scored on, by split; none where that was not recorded.
    trimmed: units that had to go at the end of the search to meet its target.
    intervals: 95% of the score that decides, by split; none where that was not recorded.
  """

  ticket: str
  metrics: Mapping[str, Mapping[str, float]]
  cost: Mapping[str, int]
  training: TrainingCost
  size: int
  examples: Mapping[str, int] = dataclasses.field(default_factory=dict)
  trimmed: int = 0
  intervals: Mapping[str, Interval] = dataclasses.field(default_factory=dict)

  @classmethod
  def of(cls, ticket: Ticket, size: int) -> 'Record':
    """What a ticket says, and the size of its file."""
    metrics, examples = {split: scores for split, scores in ticket.metrics.items() if split in _SPLITS}, ticket.provenance.examples
    sure = {split: confidence.of(ticket.metrics, split, ticket.task.primary_metric, examples.get(split, 0)) for split in metrics}
    return cls(
      ticket=ticket.fingerprint,
      metrics=metrics,
      cost={name: int(getattr(ticket.cost, name)) for name in COSTS},
      training=ticket.provenance.all_training,
      size=size,
      examples=dict(examples),
      trimmed=ticket.provenance.trimmed,
      intervals={split: found for split, found in sure.items() if found},
    )

  def interval(self, split: str, metric: str) -> Interval | None:
    """95% of the score that decides, by the pictures of a split; None where it is not known."""
    return self.intervals.get(split) or confidence.interval(metric, self.metrics[split][metric], self.examples.get(split, 0))


class Records:
  """A folder of records, one file per run, found by what the run's settings were.

  A setting that came after a record was written counts as one at its default, so that records outlive new settings. Files from
  several machines can lie in one folder.

  Args:
    folder: created with the first record.
    examples: of the data that are compared, by split. Records are of the same data where these numbers are the same, whatever folder
      the data were read from.

  Attributes:
    folder: where they are.

  Raises:
    RecordError: it is no folder, or a file in it holds no record.
  """

  def __init__(self, folder: pathlib.Path, examples: Mapping[str, int]):
    if folder.exists() and not folder.is_dir():
      raise RecordError(f'--records is a folder. Received: {folder}. Name another.')
    self.folder, self._examples = folder, examples
    found = [_read(path) for path in sorted(folder.glob('*.json'))]
    self._known = dict(sorted(found, key=lambda entry: len(entry[1].metrics)))  # Of two of one run that with more splits.

  def find(self, run: Identity) -> Record | None:
    """What is known of a run.

    Raises:
      RecordError: it was trained or scored on other data.
    """
    record = self._known.get(_key(run.portable()))
    if record is not None:
      self.check_data(record.examples, f'in {self.folder}')
    return record

  def check_data(self, examples: Mapping[str, int], where: str) -> None:
    """Refuses what was trained on other data.

    Raises:
      RecordError: naming both sizes.
    """
    if examples != self._examples:
      of, here = (', '.join(f'{count:,} {split}' for split, count in found.items()) for found in (examples, self._examples))
      raise RecordError(
        f'A comparison is of one data set. Received: {of or "an unknown number of"} examples {where}, here {here}. Name another --workdir'
        ' and --records, or remove what is there of the other data.'
      )

  def check_writable(self) -> None:
    """Refuses a folder that will take no records.

    Raises:
      RecordError: it cannot be written to, or not be created.
    """
    there = next(path for path in (self.folder, *self.folder.absolute().parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK)):
      raise RecordError(f'--records is a folder that can be written to. Received: {self.folder}. Name another.')

  def keep(self, run: Identity, record: Record) -> None:
    """Writes down what a run came to.

    Raises:
      OSError: it cannot be written.
    """
    settings = {name: value for name, value in run.portable().items() if name not in OF_THE_MACHINE}
    self.folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(plain.sealed({**dataclasses.asdict(record), 'settings': settings}), indent=1)
    files.write_text(self.folder / f'{run.run_name()}.json', text + '\n')
    self._known[_key(run.portable())] = record


def _key(portable: Mapping[str, Any]) -> str:
  """What a run is found by, from its portable settings: of files that they name, what was in them when the run began."""
  return Identity.of(essential(Config.from_flat(portable))).fingerprint


def _read(path: pathlib.Path) -> tuple[str, Record]:
  try:
    facts = plain.unsealed(plain.read(path))
    settings = facts.pop('settings')
    plain.check(facts, Record, '')
    plain.check(settings, Mapping[str, Any], 'settings')
    intervals = {split: tuple(ends) for split, ends in facts.get('intervals', {}).items()}
    record = Record(**facts | {'training': TrainingCost(**facts['training']), 'intervals': intervals})
    if set(COSTS) - set(record.cost):
      raise ValueError('without the costs of a network')
    config = Config.from_flat(settings)
    named_files.check_portable(config.flat())
    return _key(Identity.of(config).portable()), record
  except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
    raise RecordError(
      f'A folder of records holds what comparisons have written. Received: {path} ({error}). Remove it; its run is then done again.'
    ) from error
