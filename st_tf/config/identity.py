"""What makes a run the one it is: its settings, and what was in the files that they name when it began."""

from collections.abc import Iterable, Mapping
import dataclasses
import hashlib
import json
from typing import Any

from st_tf.config import named_files
from st_tf.config.config import Config
from st_tf.config.fields import shown
from st_tf.config.groups import OF_THE_MACHINE

_DIGITS = 10


@dataclasses.dataclass(frozen=True)
class Identity:
  """A run's settings and what was in their files, read once: files may change while the run goes on.

  Attributes:
    settings: all of them.
    digests: of what was in the files that settings name, by setting; of a ticket its fingerprint, of data in memory a digest of all.
  """

  settings: Config
  digests: Mapping[str, str] = dataclasses.field(hash=False)

  @classmethod
  def of(cls, config: Config, data: str = '') -> 'Identity':
    """The identity of a run that begins now.

    Args:
      config: all of them.
      data: digest of a task's data that lie in memory; empty where the task is found by its name.

    Raises:
      UserError: a file that a setting names cannot be read.
    """
    return cls(config, _read(config.flat(), named_files.SETTINGS) | ({'task': data} if data else {}))

  def derived(self, config: Config) -> 'Identity':
    """The identity of a part of the run, or of one beside it; only files that its settings name and the run's do not are read.

    Raises:
      UserError: such a file cannot be read.
    """
    before, after = self.settings.flat(), config.flat()
    same = [name for name in named_files.SETTINGS if before[name] == after[name]]
    others = [name for name in named_files.SETTINGS if name not in same]
    return Identity(config, {name: digest for name, digest in self.digests.items() if name not in others} | _read(after, others))

  def portable(self) -> dict[str, Any]:
    """The settings by flag, of files on this machine the name and a digest of what is in them; such a name stays as it is."""
    values = self.settings.flat()
    return values | {name: named_files.portable(values[name], digest) for name, digest in self.digests.items()}

  def decisive(self) -> dict[str, Any]:
    """What decides the result of the run, by flag: of settings that name a file, what is in it and not where it lies."""
    return {name: value for name, value in (self.settings.plain() | self.digests).items() if name not in OF_THE_MACHINE}

  @property
  def fingerprint(self) -> str:
    """Changes with everything that decides the result of the run."""
    return hashlib.sha256(json.dumps(self.decisive(), sort_keys=True).encode()).hexdigest()[:16]

  def run_name(self, source: str = '') -> str:
    """A folder's name that all runs of this identity have, and no others: 'rigl-0-3f2a91c0de'.

    Args:
      source: fingerprint of the ticket that the run starts from.
    """
    parts = (self.settings.method, str(self.settings.seed), self.fingerprint[:_DIGITS], source[:_DIGITS])
    return '-'.join(part for part in parts if part)

  def changed_from(self, before: Config, digests: Mapping[str, str], finished: bool) -> list[str]:
    """What decides the result and differs from earlier settings, of whose files there are `digests`; as flags.

    Where the run is `finished` it needs no file that is gone.

    Raises:
      UserError: a file that the earlier settings name cannot be read.
    """
    then, now, old, new = Identity.of(before).decisive() | digests, self.decisive(), before.flat(), self.settings.flat()
    why = {name: 'other contents than it had' if name in self.digests else 'not there any more' for name in now}
    why |= {name: f'was {shown(old[name])}' for name in now if old[name] != new[name]}
    gone = {name for name in now if finished and why[name] == 'not there any more'}
    return [f'--{name}={shown(new[name])} ({why[name]})' for name in now if then[name] != now[name] and name not in gone]


def _read(values: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
  """Digests by setting, of those that name a file which is there."""
  return {name: digest for name in names if (digest := named_files.digest(name, values[name]))}
