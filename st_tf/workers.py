"""This process among those that train one network together, as launchers and clusters say it: in TF_CONFIG."""

from collections.abc import Mapping
import dataclasses
import json
import os

from st_tf.errors import UserError

VARIABLE = 'TF_CONFIG'
_TRAIN = ('chief', 'worker')  # Kinds of processes that train, in the order in which they are counted.


@dataclasses.dataclass(frozen=True)
class Place:
  """Which of several processes this is.

  Attributes:
    index: its number, from 0; 0 is the chief, which writes what all of them train.
    count: how many there are.
  """

  index: int = 0
  count: int = 1

  @property
  def is_chief(self) -> bool:
    """Whether it writes."""
    return self.index == 0


class WorkerLost(Exception):
  """Another process of a training does not answer any more; the message says what was going on."""


def here(environment: Mapping[str, str] | None = None) -> Place:
  """This process's place; the only one where nobody says otherwise.

  Args:
    environment: variables by name; None = those of the process.

  Raises:
    UserError: TF_CONFIG names no such place.
  """
  text = (os.environ if environment is None else environment).get(VARIABLE, '').strip()
  if not text:
    return Place()
  try:
    found = json.loads(text)
    cluster, task = found.get('cluster') or {}, found.get('task') or {}
    addresses = {kind: list(cluster[kind]) for kind in cluster}
    if any(isinstance(found, str) for found in cluster.values()):
      raise TypeError('an address, and no list of them')
    kind, index = str(task.get('type', '')), int(task.get('index', 0))
  except (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError) as error:
    raise _refused(f'{text[:80]!r} ({type(error).__name__})') from None
  if not any(addresses.values()):
    return Place()
  others = [name for name in addresses if name not in _TRAIN and addresses[name]]
  if others or kind not in _TRAIN:
    raise _refused(f'a {others[0] if others else kind or "process without a type"}, which trains nothing here')
  if not 0 <= index < len(addresses.get(kind, ())):
    raise _refused(f'{kind} {index} of {len(addresses.get(kind, ()))}')
  before = sum(len(addresses.get(name, ())) for name in _TRAIN[: _TRAIN.index(kind)])
  return Place(before + index, sum(map(len, addresses.values())))


def check_alone(what: str) -> None:
  """Refuses to be one of several workers, to whoever gives its trainings to processes of its own or trains several in turns.

  Args:
    what: as the message says it.

  Raises:
    UserError: TF_CONFIG names several.
  """
  found = here()
  if found.count > 1:
    raise UserError(
      f'{what} trains on one machine. Received: {VARIABLE} with {found.count} workers. Unset it, or train single networks together, by'
      ' python -m st_tf.train.'
    )


def _refused(what: str) -> UserError:
  example = '{"cluster": {"worker": ["one:2222", "two:2222"]}, "task": {"type": "worker", "index": 0}}'
  return UserError(f'{VARIABLE} says which worker of a cluster a process is, as {example}. Received: {what}. Write it so, or unset it.')
