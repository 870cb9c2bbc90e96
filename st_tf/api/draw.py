"""`st_tf.draw`: the command `train` for Python."""

from collections.abc import Iterator
import contextlib
import os
from typing import TYPE_CHECKING, Any

from st_tf.api.calls import call_of, check_shipping, kept_model, prepare_tensorflow, requested
from st_tf.config import Identity
from st_tf.errors import UserError
from st_tf.runs import claimed
from st_tf.task import Task
from st_tf.workers import WorkerLost

if TYPE_CHECKING:
  from st_tf.ticket import Ticket


def draw(
  task: Task | str = '',
  *,
  model: Any = None,
  workdir: str | os.PathLike[str] = '',
  fresh: bool = False,
  stages: str | os.PathLike[str] = '',
  deliver: bool = True,
  ship: bool = False,
  config: str | os.PathLike[str] = '',
  recipe: str = '',
  scale_with_batch: bool = False,
  **settings: Any,
) -> 'Ticket':
  """Draws a ticket: trains a supernet once, searching its architecture and pruning its weights in the same run.

  It is the command `python -m st_tf.train`: the same settings, files and ticket.

  Args:
    task: what to train on, or its name; '' = as `config` or `recipe` says, else the default.
    model: a trained network of tf_keras or Keras 3, in the place of `supernet`, kept in a file beside the workdir; see also `pixels`.
    workdir: folder for checkpoints, metrics and tickets; '' = runs/TASK-METHOD-SUPERNET-SEED.
    fresh: whether to forget what is in the folder and start over; else a run that was stopped goes on.
    stages: folder of the trainings that runs of several are made of, for runs to share; '' = in the workdir.
    deliver: whether tickets get test scores, model files and reports.
    ship: whether they get a file for phones and an Android project, too.
    config: a JSON file of settings, such as a run's config.json.
    recipe: settings of the paper instead; `scale_with_batch` says whether its learning rate scales with the batch.
    **settings: every other setting of a run by the name of its flag: `supernet='mobile', sparsity=0.9, epochs=60`.

  Returns:
    The ticket of the highest sparsity; others are in the workdir.

  Raises:
    UserError: what the command would say.
    NothingLeft: the process is one of a tuner's workers, and no trial is left.
    KeyboardInterrupt: by the user, after the step that was going on; the state is saved.
  """
  check_shipping(deliver, ship)
  if model is not None:
    settings['supernet'] = kept_model(model, settings, workdir)
  request = requested(task, settings, config, recipe, scale_with_batch)
  claimed.check(workdir, request, fresh, asks_others=False)
  prepare_tensorflow()
  from st_tf.api import drawing, together
  from st_tf.api.interruptible import interruptible
  from st_tf.ticket import Ticket

  with _told_of_a_loss():
    loaded, run = drawing.prepared(request, task if isinstance(task, Task) else None)
  run = drawing.with_supernet(loaded, run)
  path, identity = workdir or claimed.default_path(run), Identity.of(run, loaded.contents)

  def work(process: Any) -> list['Ticket']:
    with _told_of_a_loss(), together.opened(path, run, identity, process, fresh=fresh, stages=stages or None) as folder:
      return [Ticket.load(found) for found in drawing.draw_into(loaded, run, folder, deliver, ship)]

  said = {'config': config, 'recipe': recipe, 'scale_with_batch': scale_with_batch} | settings
  return max(interruptible(work, call_of('draw', task, said), fresh), key=lambda ticket: ticket.sparsity)


@contextlib.contextmanager
def _told_of_a_loss() -> Iterator[None]:
  """A program is not started again by itself, as a command is, where another worker was lost."""
  try:
    yield
  except WorkerLost as lost:
    raise UserError(f'{lost} Start the program again on all workers: the same call goes on from the last checkpoint.') from lost
