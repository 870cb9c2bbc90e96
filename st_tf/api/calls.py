"""What the functions for Python share: how they are called, and TensorFlow as the commands have it."""

from collections.abc import Mapping
import dataclasses
import os
import pathlib
from typing import Any

from st_tf import command, elsewhere, quiet
from st_tf.config import DURATIONS, ConfigError, named_files
from st_tf.config.duration import WRITTEN
from st_tf.config.request import Request
from st_tf.task import DataConfig, Task

_PRIVATE = ('workdir', 'stages', 'data_dir', 'jobs', 'out', 'records')  # Of the machine.


def check_shipping(delivered: bool, shipped: bool) -> None:
  """Refuses an app of a ticket that is not delivered.

  Raises:
    ConfigError: so it is.
  """
  if shipped and not delivered:
    raise ConfigError('--ship goes with the delivery. Received: no delivery (--nodeliver) too. Leave out one.')


def prepare_tensorflow() -> None:
  """Loads TensorFlow as commands do; where the caller has loaded it, it stays as it is."""
  command.prepare()
  with quiet.imports():
    import tensorflow  # noqa: F401


def requested(
  task: Task | str, settings: Mapping[str, Any], config: str | os.PathLike[str] = '', recipe: str = '', scale_with_batch: bool = False
) -> Request:
  """What a call wants of a run.

  Args:
    task: what to train on, or its name; '' = not said.
    settings: by the names of their flags; paths and whole numbers for fractions are taken as such.
    config: a JSON file of settings.
    recipe: one of `recipes.RECIPES`.
    scale_with_batch: whether the recipe's learning rate scales with the batch.

  Raises:
    ConfigError: as `Request.of`; a number above 1 for a duration, or a setting of data for a task that has its data.
  """
  _check_durations(settings)
  if isinstance(task, Task):
    _check_data(task, settings)
  name = task.name if isinstance(task, Task) else task
  given = {key: os.fspath(value) if isinstance(value, os.PathLike) else value for key, value in settings.items()}
  request = Request.of({'task': name, **given} if name else given, elsewhere.fetched_file(config), recipe, scale_with_batch)
  if not isinstance(task, Task):
    return request
  # A file or a recipe speaks of other data.
  ours = {field.name for field in dataclasses.fields(DataConfig)}
  return dataclasses.replace(request, base={key: value for key, value in request.base.items() if key not in ours})


def kept_model(model: Any, settings: Mapping[str, Any], workdir: str | os.PathLike[str]) -> str:
  """The supernet's name of a model in memory, which is kept in a file beside the run's folder.

  Raises:
    UserError: it is no network that can be drawn from, a supernet is named too, or there is no folder.
  """
  prepare_tensorflow()
  from st_tf.arch.presets import KERAS
  from st_tf.models import keras_files

  if settings.get('supernet'):
    raise ConfigError(f'A run has one supernet. Received: model and supernet={settings["supernet"]!r}. Leave out one.')
  if not workdir:
    raise ConfigError('A model in memory is kept beside the folder of the run. Received: no workdir. Write workdir=FOLDER.')
  try:
    return f'{KERAS}{keras_files.kept(model, pathlib.Path(workdir))}'
  except OSError as error:
    raise ConfigError(f'A model in memory is kept beside the folder of the run. Received: {workdir} ({error}).') from error


def _check_durations(settings: Mapping[str, Any]) -> None:
  """Numbers above 1 were epochs before durations had units; in a configuration of then they still are."""
  for name in DURATIONS:
    value = settings.get(name)
    for entry in value if isinstance(value, (list, tuple)) else (value,):
      if isinstance(entry, (int, float)) and entry > 1:
        raise ConfigError(f"{name} is {WRITTEN}. Received: {entry:g}. Write '{entry:g}ep' for epochs, or '{entry:g}it' for steps.")


def _check_data(task: Task, settings: Mapping[str, Any]) -> None:
  for field in dataclasses.fields(DataConfig):
    if field.name in settings and task.settings.get(field.name, field.default) != settings[field.name]:
      raise ConfigError(
        f'A task that is at hand has its data, prepared as it was made. Received: {field.name}={settings[field.name]!r} for {task.name}.'
        ' Give it where the task is made, as to Task.from_datasets.'
      )


def call_of(name: str, task: Task | str, said: Mapping[str, Any]) -> str:
  """The call as a ticket names it: "st_tf.draw('shapes', epochs=2)"; of what lies on this machine the names, or nothing.

  Args:
    name: of the function.
    task: what to train on, or its name.
    said: its other arguments; what is empty or false was not said.
  """
  told = [repr(task.name if isinstance(task, Task) else named_files.without_folder(task))] if task else []
  for key, value in said.items():
    if key not in _PRIVATE and value not in ('', False):
      shown = named_files.without_folder(os.fspath(value)) if isinstance(value, (str, os.PathLike)) else value
      told.append(f'{key}={shown!r}')
  return f'st_tf.{name}({", ".join(told)})'
