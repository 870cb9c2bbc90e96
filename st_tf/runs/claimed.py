"""Whether a run's folder is another run's, as far as its files say so before TensorFlow and pictures are loaded."""

from collections.abc import Collection
import dataclasses
import os
import pathlib

from st_tf import elsewhere, files, plain
from st_tf.config import OF_THE_MACHINE, Config, Identity, named_files
from st_tf.config.request import Request
from st_tf.errors import UserError
from st_tf.runs import folder, lock
from st_tf.runs.folder import WorkdirError

_STATE = 'state.json'
_DIGITS = 8  # Of a ticket's fingerprint, in the name of a folder.
_LATER = ('weights', 'supernet', 'pixels')  # Which a run writes down as what they came to.


def default_path(config: Config) -> pathlib.Path:
  """Where a run goes that was not told: runs/ in the current folder."""
  name = f'{config.task}-{config.method}-{pathlib.Path(config.supernet or config.origin).name.removesuffix(".json")}-{config.seed}'
  return pathlib.Path('runs') / name.replace(':', '_').replace(os.sep, '_')


def default_path_of_transfer(config: Config, fingerprint: str) -> pathlib.Path:
  """Where a moved ticket goes that was not told.

  Args:
    config: settings of the training there.
    fingerprint: of the ticket.
  """
  return default_path(dataclasses.replace(config, method='transfer', init_from=fingerprint[:_DIGITS], supernet=''))


def check(path: str | os.PathLike[str], request: Request, fresh: bool, asks_others: bool = True) -> None:
  """Refuses a folder whose run has other settings, or that another process uses, where that is known already.

  Args:
    path: of the folder; '' = the default one, which is known where the network is.
    request: what is wanted.
    fresh: whether what is there is forgotten.
    asks_others: whether processes are asked; not by one that may be in the folder itself, or that waits for others.

  Raises:
    WorkdirError: so it is.
  """
  _check_here(path)
  config = request.resolved()
  if not path and (not (config.supernet or config.init_from) or config.method == 'elastic'):  # The task's pictures decide.
    return
  path = path or default_path(config)
  if not fresh:
    check_same(path, request)
  if asks_others:
    check_free(files.expanded(path).resolve())


def check_transfer(path: str | os.PathLike[str], request: Request, ticket: str, fresh: bool, asks_others: bool = True) -> None:
  """As `check`, of the first training of a moved ticket.

  Args:
    path: of the folder for all of it; '' = the default one.
    request: what is wanted.
    ticket: its folder.
    fresh: as of `check`.
    asks_others: as of `check`.

  Raises:
    WorkdirError: so it is.
  """
  _check_here(path)
  config = request.resolved()
  root = files.expanded(path or default_path_of_transfer(config, named_files.digest('init_from', ticket))).resolve()
  first = root / config.transfer.control
  if not fresh:
    check_same(first, request, request.given)  # Of a file the ticket's own settings take places.
  if asks_others:
    check_free(first)


def check_free(path: pathlib.Path) -> None:
  """Refuses a folder that another process uses now; not to be asked by a process that is in the folder itself.

  Raises:
    WorkdirError: so it is.
  """
  if not (path / lock.NAME).is_file():
    return
  try:
    lock.Lock(path).release()
  except BlockingIOError as error:
    raise in_use(path) from error
  except OSError:  # Told when the folder is claimed.
    return


def check_same(path: str | os.PathLike[str], request: Request, names: Collection[str] | None = None) -> None:
  """Refuses a folder whose run has other settings than those that are given; what is not given is looked at later.

  Args:
    path: of the folder.
    request: what is wanted.
    names: settings that are looked at; None = all that are given, and those of the file beside them.

  Raises:
    WorkdirError: naming the settings.
  """
  path = files.expanded(path).resolve()
  try:
    before, digests = Config.from_json((path / folder.CONFIG).read_bytes()), folder.digests(path)
  except (OSError, ValueError, UserError):  # None is there yet, or it is damaged, which is seen to later.
    return
  if not (folder.tickets(path) or _checkpoint(path)):
    return
  wanted, known = request.resolved().flat(), before.flat()
  given = {*(names if names is not None else (*request.given, *request.base))} - {*OF_THE_MACHINE, *named_files.SETTINGS, *_LATER}
  asked = {name: wanted[name] for name in given if name in known and wanted[name] != known[name]}
  if not asked or not _is_intact(path, before, digests):
    return
  now = Identity(Config.from_flat({**known, **asked}), digests)
  changed = now.changed_from(before, digests, folder.is_finished(path))
  if changed:
    raise other_run(path, changed, 'epochs' in asked)


def in_use(path: pathlib.Path) -> WorkdirError:
  """What is said of a folder that another process uses."""
  return WorkdirError(f'One process at a time uses a workdir. Received: {path}, which another one uses. Wait for it.')


def other_run(path: pathlib.Path, changed: list[str], has_other_epochs: bool) -> WorkdirError:
  """What is said of a folder of a run with other settings.

  Args:
    path: of the folder.
    changed: the settings, as flags with what they were.
    has_other_epochs: whether the epochs are among them.
  """
  why = ' Every schedule depends on --epochs, so that a longer run is another run from its first step on.' if has_other_epochs else ''
  return WorkdirError(
    f'A workdir belongs to one configuration. Received: {", ".join(changed)} in {path}.{why}'
    ' Go back to what it had, or use another --workdir, or --fresh to start over.'
  )


def _checkpoint(path: pathlib.Path) -> pathlib.Path | None:
  """The folder of the newest checkpoint."""
  found = [each for each in (path / folder.CHECKPOINTS).glob('*') if each.name.isdecimal()]
  return max(found, key=lambda each: int(each.name)) if found else None


def _is_intact(path: pathlib.Path, before: Config, digests: dict[str, str]) -> bool:
  """Whether the newest checkpoint, where there is one, is of the run that the configuration says: that could have been damaged."""
  checkpoint = _checkpoint(path)
  if checkpoint is None:
    return True
  try:
    facts = plain.read(checkpoint / _STATE)
    return isinstance(facts, dict) and facts.get('config') == Identity(before, digests).fingerprint
  except (OSError, ValueError):
    return False


def _check_here(path: str | os.PathLike[str]) -> None:
  if elsewhere.is_elsewhere(path):
    raise WorkdirError(
      f'A call from Python works in a folder of this machine. Received: {path}. Enter st_tf.elsewhere.worked_in and name what it gives.'
    )
