"""The folder of a run that several workers train: the chief writes it, the others keep a copy of their own for the time being."""

from collections.abc import Callable, Iterator
import contextlib
import dataclasses
import os
import pathlib
import shutil
import tempfile

import tensorflow as tf

from st_tf import files
from st_tf.config import Config, ConfigError, Identity
from st_tf.errors import UserError
from st_tf.runs import lock
from st_tf.runs.process import Lines, Process
from st_tf.runs.workdir import Workdir
from st_tf.training import replicas

_OWN_WORKERS = ('tuner', 'menas')  # Whose trainings are handed to processes by keras-tuner.


@contextlib.contextmanager
def opened(
  path: str | os.PathLike[str],
  config: Config,
  identity: Identity,
  process: Process,
  *,
  fresh: bool = False,
  stages: str | os.PathLike[str] | None = None,
) -> Iterator[Workdir]:
  """The run's folder, kept from other processes for a while.

  All workers do the same, on the same numbers. So only the chief's folder stays: the others begin with a copy of it, which has to be on
  storage that all of them see, and write what they write into that copy.

  Args:
    path: where the run's folder is.
    config: the run's settings.
    identity: what makes the run the one it is.
    process: that the run is in.
    fresh: whether to forget what an earlier run has left there.
    stages: folder of the trainings that runs of several are made of.

  Raises:
    UserError: the folder cannot be used, or several workers do not suit the run.
    WorkerLost: another worker does not answer.
  """
  place = replicas.place(config)
  if place.count == 1:
    with contextlib.closing(Workdir(path, identity, process, fresh=fresh, stages=stages, wait=bool(stages))) as found:
      yield found
    return
  if stages or config.method in _OWN_WORKERS:
    given = '--stages' if stages else f'--method={config.method}, which hands its trainings to processes of their own'
    raise ConfigError(f'Several workers train one network at a time. Received: {given}. Leave it out, or train on one worker.')
  where = replicas.strategy(config)
  process = dataclasses.replace(process, stopping=_agreeing(process.stopping, where))
  with replicas.watched('while it trained'):
    yield from _chief(path, identity, process, fresh, where) if place.is_chief else _other(path, identity, process, place.index, where)
    replicas.agreed(where, False)  # Whoever ends first would be taken for lost.


def _chief(
  path: str | os.PathLike[str], identity: Identity, process: Process, fresh: bool, where: tf.distribute.Strategy
) -> Iterator[Workdir]:
  try:
    found = Workdir(path, identity, process, fresh=fresh)
  except UserError:
    replicas.agreed(where, True)
    raise
  with contextlib.closing(found):
    replicas.agreed(where, False)
    if replicas.agreed(where, False):
      raise ConfigError(f'All workers see the folder of the run. Received: {found.path}, which one of them does not. Take a shared one.')
    yield found


def _other(
  path: str | os.PathLike[str], identity: Identity, process: Process, index: int, where: tf.distribute.Strategy
) -> Iterator[Workdir]:
  shared = files.expanded(path).resolve()
  if replicas.agreed(where, False):
    raise UserError(f'A run begins with its chief. Received: worker 0 could not use {shared}. It says why.')
  with tempfile.TemporaryDirectory(prefix='st_tf_worker_') as kept:
    copy = pathlib.Path(kept) / shared.name
    seen = shared.is_dir()
    if seen:
      shutil.copytree(shared, copy, ignore=shutil.ignore_patterns(lock.NAME))
    if replicas.agreed(where, not seen):
      raise UserError(f'All workers see the folder of the run. Received: {shared}, which one of them does not. Take a shared one.')
    print(f'Worker {index} trains along; worker 0 writes {shared}.', flush=True)
    with open(os.devnull, 'w') as nowhere, contextlib.redirect_stdout(nowhere):
      with contextlib.closing(Workdir(copy, identity, dataclasses.replace(process, bar=Lines))) as found:
        yield found


def _agreeing(
  stopping: Callable[[], contextlib.AbstractContextManager[Callable[[], str]]], where: tf.distribute.Strategy
) -> Callable[[], contextlib.AbstractContextManager[Callable[[], str]]]:
  """As `stopping`, of which all workers hear when one of them is asked to stop."""

  @contextlib.contextmanager
  def together() -> Iterator[Callable[[], str]]:
    with stopping() as asked:

      def answer() -> str:
        own = asked()
        return (own or 'another worker was stopped') if replicas.agreed(where, bool(own)) else ''

      yield answer

  return together
