"""With what a run goes on, and what it says where it ends early."""

from collections.abc import Mapping
import dataclasses
import pathlib
from typing import Any

from st_tf.arch.graph import Architecture, architecture
from st_tf.errors import UserError
from st_tf.runs.folder import WorkdirError
from st_tf.task import TaskError
from st_tf.training.state import State


class DivergedError(UserError):
  """Training produced a loss that is no number."""


@dataclasses.dataclass
class Sums:
  """Running sums of the epoch so far; they go into checkpoints.

  Attributes:
    loss: of its batches.
    score: likewise.
    batches: how many; none where the epoch is over, its evaluation done.
    seconds: that it took.
    trimmed: of the whole training: units that had to go to meet its target.
  """

  loss: float = 0.0
  score: float = 0.0
  batches: int = 0
  seconds: float = 0.0
  trimmed: int = 0


def check_same(state: State, sizes: Mapping[str, int], fingerprint: str, supernet: Architecture, path: pathlib.Path) -> None:
  """Refuses a checkpoint of other settings or data, in a folder of these settings.

  Args:
    state: the checkpoint.
    sizes: examples per split, of the run that wants it.
    fingerprint: of that run.
    supernet: its network before it is searched.
    path: the folder.

  Raises:
    WorkdirError: naming what is other.
  """
  facts = state.facts
  if facts['sizes'] != dict(sizes):
    received = f'{facts["sizes"]} examples, now {dict(sizes)}'
  elif facts['config'] != fingerprint or architecture(facts['supernet']) != supernet:
    received = 'checkpoints of other settings, or of another version of this program'
  else:
    return
  raise WorkdirError(
    f'A run continues with the settings and the data it began with. Received: {received}, in {path}.'
    ' Put it back, or use another --workdir, or --fresh to start over.'
  )


def kept(error: TaskError, where: str, again: str) -> TaskError:
  """What is said of a picture that cannot be read in the middle of a training.

  Args:
    error: that names the picture.
    where: from which the run continues.
    again: what continues it, in words.
  """
  return TaskError(
    f'{error} What was trained is kept: with a readable picture in its place, {again} continues from {where}. Without the picture the data'
    ' are others, and so is the run (--fresh, or another --workdir).'
  )


def diverged(rule: str, received: Any, step: int) -> DivergedError:
  """What is said of a training that is no training any more."""
  return DivergedError(
    f'{rule}. Received: {received} at step {step}. Try a lower --learning_rate, --gradient_clip=1 or a longer --warmup,'
    ' with --fresh or another --workdir, since a run keeps its settings.'
  )
