"""`st_tf.compare`: the command of that name for Python."""

from collections.abc import Iterator, Sequence
import dataclasses
import html
import os
import pathlib
from typing import TYPE_CHECKING, Any

from st_tf import elsewhere
from st_tf.api.calls import call_of, kept_model, prepare_tensorflow, requested
from st_tf.comparing.options import Options, check, worked_in
from st_tf.config import ConfigError
from st_tf.task import Task

if TYPE_CHECKING:
  from st_tf.comparing.table import Row


@dataclasses.dataclass(frozen=True)
class Compared:
  """A finished comparison; printed, or as a notebook's last line, it is its table.

  Attributes:
    rows: of the table, the first method's first.
    metric: the score that is compared.
    split: whose scores.
    page: with table and plots.
  """

  rows: tuple['Row', ...]
  metric: str
  split: str
  page: pathlib.Path

  def __str__(self) -> str:
    from st_tf.comparing import outputs

    return outputs.terminal(self.rows, self.metric, self.split)

  def _repr_html_(self) -> str:
    return '\n'.join(self._html())

  def _html(self) -> Iterator[str]:
    from st_tf.comparing import table

    yield '<table><tr>' + ''.join(f'<th>{html.escape(title)}</th>' for title in table.columns(self.metric, self.split)) + '</tr>'
    for row in self.rows:
      yield '<tr>' + ''.join(f'<td>{html.escape(cell)}</td>' for cell in table.cells(row, self.metric, self.split)) + '</tr>'
    yield '</table><ul>'
    told = (
      table.best(self.rows, self.metric),
      *table.differences(self.rows),
      *table.trims(self.rows),
      *(f'without a result: {line}' for line in table.failures(self.rows)),
    )
    yield from (f'<li>{html.escape(line)}</li>' for line in told if line)
    yield f'</ul><p>{html.escape(str(self.page))}</p>'


def compare(
  task: str = '',
  *,
  model: Any = None,
  methods: str | Sequence[str] = Options.methods,
  config: str | os.PathLike[str] = '',
  recipe: str = '',
  scale_with_batch: bool = False,
  **settings: Any,
) -> Compared:
  """Compares ways to find an efficient network on a task: accuracy, size, and what the training has cost.

  It is the command `python -m st_tf.compare` without its process. Every run is a process of its own; finished ones are kept, and the same
  call goes on with what was interrupted.

  Args:
    task: name of what to train on.
    model: a trained network of tf_keras or Keras 3, in the place of `supernet`, kept in a file beside the workdir; see also `pixels`.
    methods: the first of which the others are compared with; 'supertickets:reactivation=masked' brings a setting.
    config: a JSON file of settings.
    recipe: settings of the paper in the place of the defaults.
    scale_with_batch: whether the recipe's learning rate scales with the batch.
    **settings: the fields of `Options` (`sparsities`, `seeds`, `workdir`, ...), and of a training by the names of their flags.

  Raises:
    UserError: what the command would say.
    KeyboardInterrupt: by the user; what was running is saved.
  """
  if isinstance(task, Task):
    raise ConfigError(
      'The runs of a comparison are processes of their own, which find the task by its name. Received: a task in memory. Write a module'
      " with load(argument, config) -> Task, and give task='module:NAME'."
    )
  if model is not None:
    elsewhere.check_here(workdir=os.fspath(settings.get('workdir', '')))  # All runs read the model beside it.
    prepare_tensorflow()
    settings['supernet'] = kept_model(model, settings, settings.get('workdir', ''))
  own = {field.name for field in dataclasses.fields(Options)} - {'dry_run'}
  chosen = {name: os.fspath(value) if isinstance(value, os.PathLike) else value for name, value in settings.items() if name in own}
  for name in ('sparsities', 'learning_rates'):
    if name in chosen:
      chosen[name] = tuple(chosen[name]) if isinstance(chosen[name], Sequence) else (chosen[name],)
  options = Options(methods=methods if isinstance(methods, str) else ','.join(methods), **chosen)
  request = requested(task, {name: value for name, value in settings.items() if name not in own}, config, recipe, scale_with_batch)
  check(request, bool(options.learning_rates))
  prepare_tensorflow()
  from st_tf.comparing.comparison import Comparison

  said = {'methods': options.methods, 'config': config, 'recipe': recipe, 'scale_with_batch': scale_with_batch} | settings
  with worked_in(options) as here:
    comparison = Comparison.prepared(request, here, call_of('compare', task, said))
    rows = comparison.run()
  return Compared(tuple(rows), comparison.task.primary_metric, options.split, comparison.out / 'index.html')
