"""Moving a ticket to another task, alone or with the controls that it is compared with."""

from collections.abc import Iterator
import contextlib
import dataclasses
import json
import pathlib
from typing import Any

from st_tf import files
from st_tf.api import controls, drawing, dry_run
from st_tf.arch import presets
from st_tf.arch.graph import Graph
from st_tf.config import Config, Identity
from st_tf.config.request import Request
from st_tf.methods import transfer
from st_tf.runs import claimed
from st_tf.runs.process import Process
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket


@dataclasses.dataclass(frozen=True)
class Transfer:
  """One ticket on its way to another task.

  Attributes:
    ticket: as it was drawn.
    task: where it goes.
    config: settings of the training there.
    root: folder for all of it.
    names: the trainings, `controls.ALL` or the one that was chosen.
  """

  ticket: Ticket
  task: Task
  config: Config
  root: pathlib.Path
  names: tuple[str, ...]

  @classmethod
  def prepared(
    cls, request: Request, path: str | pathlib.Path, root: str | pathlib.Path = '', controlled: bool = False, task: Task | None = None
  ) -> 'Transfer':
    """What a request comes to; nothing is trained yet.

    Args:
      request: what is wanted of the training.
      path: the ticket's folder.
      root: folder for all of it; empty = runs/TASK-transfer-FINGERPRINT-SEED.
      controlled: whether the controls are trained too.
      task: where the ticket goes, where it is at hand.

    Raises:
      UserError: no ticket is there, no such task, or settings that no transfer has.
    """
    ticket = Ticket.load(path)
    task, config = drawing.prepared(
      dataclasses.replace(request, given={**request.given, 'init_from': str(path)}), task, chosen=('transfer',)
    )
    config = dataclasses.replace(config, method='transfer')
    root = pathlib.Path(root or claimed.default_path_of_transfer(config, ticket.fingerprint))
    if controlled:
      controls.check_drawn_here(task, ticket, config, root / 'supernet.json')
    return cls(ticket, task, config, root, controls.ALL if controlled else (config.transfer.control,))

  def plan(self) -> Iterator[str]:
    """What will be done, line by line."""
    yield from dry_run.describe(self.task, self.config, self.root)
    if len(self.names) > 1:
      more = ', '.join(controls.NAMES[name] for name in self.names[1:])
      yield f'  controls    {len(self.names) - 1} more trainings, each about as long: {more}'

  def run(self, process: Process, fresh: bool = False) -> list[pathlib.Path]:
    """Trains what is missing, compares, and says so; the folders of the tickets, the moved one first.

    Args:
      process: that it is done in.
      fresh: whether to forget what an earlier run has left.

    Raises:
      UserError: a training cannot go to its end.
      Interrupted: it was asked to stop; its state is saved.
    """
    results: dict[str, dict[str, Any]] = {}
    paths: list[pathlib.Path] = []
    for number, name in enumerate(self.names, 1):
      if len(self.names) > 1:
        print(f'\n[{number}/{len(self.names)}] {controls.NAMES[name]}', flush=True)
      config = self._config_of(name, results)
      identity = Identity.of(config, self.task.contents)
      with contextlib.closing(Workdir(self.root / name, identity, process, fresh=fresh)) as workdir:
        paths += drawing.draw_into(self.task, config, workdir)
      results[name] = controls.result(Ticket.load(paths[-1]))
    facts = {'ticket': self.ticket.fingerprint, 'from': self.ticket.task.name, 'found': results}
    files.write_text(self.root / 'transfer.json', json.dumps(facts, indent=1))
    print('\n'.join(controls.lines(results, f'{self.ticket.task.name} -> {self.task.name}')))
    print(f'\nThe moved ticket: {paths[0]}\nIts report: {paths[0] / "report" / "index.html"}')
    return paths

  def _config_of(self, name: str, results: dict[str, dict[str, Any]]) -> Config:
    if name != controls.DRAWN_HERE:
      return controls.exchanged(self.config, name)
    own = self.root / 'supernet.json'
    config = controls.drawn_here(self.task, self.ticket, self.config, own, results['none'])
    if not isinstance(self.ticket.supernet, Graph):
      files.write_text(own, presets.to_text(transfer.supernet(self.task, self.ticket, self.config.transfer.input_stride)))
    return config
