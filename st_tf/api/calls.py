"""What the functions for Python share: how they are called, and TensorFlow as the commands have it."""

from collections.abc import Mapping
import os
from typing import Any

from st_tf import quiet
from st_tf.config.request import Request
from st_tf.task import Task


def prepare_tensorflow() -> None:
  """Loads TensorFlow as commands do; where the caller has loaded it, it stays as it is."""
  quiet.libraries()
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
    ConfigError: as `Request.of`.
  """
  name = task.name if isinstance(task, Task) else task
  given = {key: os.fspath(value) if isinstance(value, os.PathLike) else value for key, value in settings.items()}
  return Request.of({'task': name, **given} if name else given, os.fspath(config), recipe, scale_with_batch)


def call_of(name: str, task: Task | str, settings: Mapping[str, Any]) -> str:
  """The call as a ticket names it: "st_tf.draw('shapes', epochs=2)"."""
  told = [repr(task.name if isinstance(task, Task) else task)] if task else []
  return f'st_tf.{name}({", ".join([*told, *(f"{key}={value!r}" for key, value in settings.items())])})'
