"""Draws a ticket: trains a supernet once, searching its architecture and pruning its weights in the same run.

  python -m st_tf.train --task=cifar100

The same command continues a run that was interrupted. It ends with a ticket, a TFLite file and a report.
"""

from collections.abc import Sequence
import dataclasses
import pathlib

from absl import flags as absl_flags

from st_tf import clusters, command, elsewhere, quiet, workers
from st_tf.api.calls import check_shipping
from st_tf.config import Identity, flags
from st_tf.config.request import Request
from st_tf.runs import claimed


@dataclasses.dataclass(frozen=True)
class Options:
  """What this command does beside the run's settings."""

  workdir: str = dataclasses.field(
    default='', metadata={'help': 'Folder for checkpoints, metrics and tickets; empty = runs/TASK-METHOD-SUPERNET-SEED.'}
  )
  fresh: bool = dataclasses.field(default=False, metadata={'help': 'Forget what is in the workdir and start over.'})
  stages: str = dataclasses.field(
    default='', metadata={'help': 'Folder of the trainings that runs of several are made of, for runs to share; empty = in the workdir.'}
  )
  deliver: bool = dataclasses.field(default=True, metadata={'help': 'Score the tickets on the test split, write model files and reports.'})
  ship: bool = dataclasses.field(
    default=False,
    metadata={'help': 'At the end write what a phone needs, too: a float16 file, whether it runs sparsely, an Android project.'},
  )
  cluster: str = dataclasses.field(
    default='',
    metadata={
      'help': 'Hand the trainings of a search (tuner, menas) to a Ray cluster: its address, or auto for the one that this machine belongs'
      ' to; as many at a time as have room there. Empty = train here.'
    },
  )
  cpus_per_run: int = dataclasses.field(default=1, metadata={'help': 'With --cluster: processors of each training.'})
  gpus_per_run: float = dataclasses.field(default=0.0, metadata={'help': 'With --cluster: GPUs of each training; 0.5 = two share one.'})
  dry_run: bool = dataclasses.field(default=False, metadata={'help': 'Print the plan and stop.'})

  def __post_init__(self):
    check_shipping(self.deliver, self.ship)
    clusters.check(self.cluster, self.cpus_per_run, self.gpus_per_run)


def main(argv: Sequence[str]) -> int:
  """Runs the command; the exit code is 0, or 130 after an interruption."""
  values = absl_flags.FlagValues()
  flags.define(values, dataclasses.fields(Options))
  flags.define_config(values)
  flags.parse(argv, values, __doc__)
  request, options = flags.request(values), flags.options_from(values, Options)
  request.check_there()
  has_own = bool(options.workdir) and options.stages.startswith(f'{options.workdir}/')  # Of a folder elsewhere, too.
  if not has_own:
    elsewhere.check_here(stages=options.stages)
  is_shared = bool(options.cluster or (options.stages and not has_own))
  with elsewhere.worked_in(options.workdir, not options.dry_run, options.fresh, is_shared, waits=has_own) as folder:
    stages = folder + options.stages.removeprefix(options.workdir) if has_own else options.stages
    return _trained(argv, request, dataclasses.replace(options, workdir=folder, stages=stages))


def _trained(argv: Sequence[str], request: Request, options: Options) -> int:
  if not options.dry_run and workers.here().is_chief:  # Where several train, all compare their settings, and end together.
    claimed.check(options.workdir, request, options.fresh, asks_others=not options.stages)
  with quiet.imports():
    from st_tf.api import drawing, dry_run, sharing, together
    from st_tf.runs.process import Process
    from st_tf.training import replicas
  sharing.check(request.resolved().method, options.cluster)
  task, config = drawing.prepared(request, planned_only=options.dry_run)
  config = drawing.with_supernet(task, config)
  path = pathlib.Path(options.workdir or claimed.default_path(config))
  if options.dry_run:
    drawing.tell_of_few_steps(task, config)
    count = replicas.place(config).count
    if count > 1:
      print(f'workers: {count}, which share each batch of {config.batch_size}; the times below are of one alone')
      config = dataclasses.replace(config, strategy=replicas.ONE)
    for line in dry_run.describe(task, config, path):
      print(line, flush=True)
    return 0
  shared = sharing.on_cluster(config, path, options.stages, options.cluster, options.cpus_per_run, options.gpus_per_run, options.fresh)
  process = Process(command.line(argv), command.again(options.fresh), command.stopping, sharing=shared)
  fresh = options.fresh and not command.has_forgotten()
  opened = together.opened(path, config, Identity.of(config, task.contents), process, fresh=fresh, stages=options.stages or None)

  def draw() -> None:
    with opened as workdir:
      command.note_forgotten()
      drawing.draw_into(task, config, workdir, options.deliver, options.ship)

  return command.drawn(draw)


if __name__ == '__main__':
  command.run(main)
