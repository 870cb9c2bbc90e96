"""How a problem is found by its name.

The library never imports a task: `load` turns `--task=NAME` into the module `tasks.NAME` (or into a module of the
user's own) and calls its `load` function.
"""

import dataclasses
import importlib
import os
import pathlib
from types import MappingProxyType
from typing import Any

from st_tf import plugins
from st_tf.errors import did_you_mean
from st_tf.files import expanded
from st_tf.task.task import DataConfig, Task, TaskError, check_labels

MODULE = 'module:'  # What the name of a task begins with that is code of the user's own.


def known() -> list[str]:
  """Names of the tasks that come with the project; a name ending in ':' takes an argument."""
  names = (f'{name}:' if _takes_argument(name) else name for name in plugins.names('tasks'))
  return sorted(names) + [MODULE]


def load(name: str, config: DataConfig) -> Task:
  """The task called `name`: 'shapes', 'cifar100', 'tfds:NAME', 'folder:PATH' or 'module:my.package.task'.

  A task module defines `load(argument: str, config: DataConfig) -> Task`.

  Raises:
    TaskError: no such task, its data is missing or bad, or its name cannot be shown everywhere.
  """
  check(name, config)
  kind, _, argument = name.partition(':')
  if kind == MODULE[:-1]:
    return _with_data(_load_module(argument).load('', config), config)
  return _with_data(plugins.module('tasks', kind).load(argument, config), config)


def check(name: str, config: DataConfig) -> None:
  """Refuses what is no task, or one of a folder that is not there, before anything is loaded.

  Raises:
    TaskError: so it is, or its name cannot be shown everywhere.
  """
  check_labels([name], '--task')  # A report that comes at the end could not show it.
  kind, _, argument = name.partition(':')
  if kind == MODULE[:-1]:
    return
  if kind not in plugins.names('tasks'):
    names = known()
    is_folder = not argument and os.path.isdir(expanded(config.data_dir) / name)
    hint = f' Did you mean folder:{name}?' if is_folder else did_you_mean(kind, [entry.rstrip(':') for entry in names])
    raise TaskError(f'A task is one of {", ".join(names)}. Received: {name!r}.{hint}')
  takes_folder = plugins.constant('tasks', kind, 'TAKES_FOLDER', False)
  if bool(argument) != _takes_argument(kind):
    written = f'{kind}:{"PATH" if takes_folder else "ARGUMENT"}' if _takes_argument(kind) else kind
    raise TaskError(f'This task is written {written}. Received: {name!r}.')
  root = expanded(pathlib.Path(config.data_dir, argument))
  reads_folder = bool(config.data_dir) and plugins.constant('tasks', kind, 'READS_DATA_DIR', False)
  if (takes_folder or reads_folder) and not os.path.isdir(root):
    found = 'a file, which is to be unpacked first' if os.path.exists(root) else f'which is {root.absolute()}'
    rule, path = (f'--task={kind}:PATH names', 'the path, or --data_dir') if takes_folder else (f'--task={kind} reads', '--data_dir')
    raise TaskError(f'{rule} a folder that exists. Received: {root}, {found}. Correct {path}.')


def _with_data(task: Task, config: DataConfig) -> Task:
  """The task with the settings of its data among its own, by which a run that is given the task at hand records them."""
  check_labels(task.labels, task.name)
  chosen = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
  chosen = {name: value for name, value in chosen.items() if value != getattr(DataConfig(), name)}
  task.settings = MappingProxyType({**task.settings, **chosen})
  return task


def _takes_argument(kind: str) -> bool:
  return plugins.constant('tasks', kind, 'TAKES_FOLDER', False) or plugins.constant('tasks', kind, 'TAKES_ARGUMENT', False)


def _load_module(path: str) -> Any:
  rule = '--task=module:PATH names an importable Python module.'
  if not all(part.isidentifier() for part in path.split('.')):
    raise TaskError(f'{rule} Received: {path!r}. Write it with dots, for example module:my_package.my_task.')
  try:
    module = importlib.import_module(path)
  except ModuleNotFoundError as error:
    if not f'{path}.'.startswith(f'{error.name}.'):
      raise  # The module is there; what it imports is not.
    raise TaskError(f'{rule} Received: {path!r} ({error}). Put its folder on PYTHONPATH.') from error
  if not hasattr(module, 'load'):
    raise TaskError(f'A task module defines load(argument, config) -> Task. Received: {path!r}, which does not.')
  return module
