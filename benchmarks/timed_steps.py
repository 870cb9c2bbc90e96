"""Steps of training for the benchmarks: in a process of their own, pinned to some cores, timed when they are asked for."""

import contextlib
import dataclasses
import multiprocessing
import os
import resource
import time

from st_tf import quiet


@dataclasses.dataclass(frozen=True)
class Kind:
  """What trains.

  Attributes:
    supernet: a preset, a JSON file, or a network that is known by name.
    task: one that needs no data.
    image_size: side of the images in pixels.
    batch_size: images per step.
    cores: how many it may use.
    wrapped: whether its kernels have pruning wrappers, half of their weights pruned.
    left: share of the units of each group that is left.
    settings: further ones of the run.
    onednn: whether TensorFlow uses oneDNN's kernels.
    graph_optimizer: whether TensorFlow rewrites the graph before the first step.
  """

  supernet: str
  task: str = 'shapes'
  image_size: int = 32
  batch_size: int = 32
  cores: int = 1
  wrapped: bool = True
  left: float = 1.0
  settings: tuple[tuple[str, str | float], ...] = ()
  onednn: bool = True
  graph_optimizer: bool = False


@dataclasses.dataclass(frozen=True)
class Begun:
  """What was measured of a kind's start.

  Attributes:
    macs: for one image.
    build: seconds until the network and its optimizer stood.
    first: seconds of a processor for the first step, its trace included.
  """

  macs: int
  build: float
  first: float


class Steps:
  """A process that trains. It has taken its first step when `begun` is there.

  Args:
    kind: what trains.

  Attributes:
    begun: what was measured of its start.
  """

  def __init__(self, kind: Kind):
    context = multiprocessing.get_context('spawn')
    self._end, other = context.Pipe()
    self._process = context.Process(target=_serve, args=(kind, other), daemon=True)
    self._process.start()
    other.close()
    self.begun: Begun = self._end.recv()

  def time(self, steps: int) -> float:
    """Seconds per step, over so many."""
    self._end.send(steps)
    return self._end.recv()

  def end(self) -> float:
    """Ends the process. Returns the most memory that it has held, in MiB."""
    self._end.send(0)
    memory = self._end.recv()
    self._process.join()
    return memory


def pin(cores: int) -> None:
  """Has this process use the first cores that it may; to be called before TensorFlow is imported."""
  os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


def trainer_of(kind: Kind):
  """(trainer, images, targets, seconds until its network and optimizer stood) of a kind; TensorFlow is imported first here."""
  os.environ['TF_ENABLE_ONEDNN_OPTS'] = '1' if kind.onednn else '0'
  with quiet.imports():
    import numpy as np

    from st_tf.arch import presets
    from st_tf.config import Config
    from st_tf.models import families
    from st_tf.task import DataConfig, load
    from st_tf.training import replicas, step
    from st_tf.training.plan import Plan
    from st_tf.training.trainer import Trainer
  config = Config.from_flat({'task': kind.task, 'batch_size': kind.batch_size} | dict(kind.settings))
  replicas.prepare(config)
  task = load(kind.task, DataConfig(image_size=kind.image_size))
  if kind.graph_optimizer:
    step.as_written = contextlib.nullcontext
  plan = Plan.of(config, task.steps_per_epoch(kind.batch_size))
  is_graph = presets.is_graph(kind.supernet)
  arch = families.supernet(kind.supernet, task.head, task.image_size) if is_graph else presets.supernet(kind.supernet)
  started = time.monotonic()
  trainer = Trainer(arch, task, config, plan.pruning if kind.wrapped else None, kind.wrapped and not is_graph)
  build = time.monotonic() - started
  if kind.wrapped:
    trainer.prune(0.5)
  if kind.left < 1:
    alive = {group.name: np.arange(group.units) < max(1, round(kind.left * group.units)) for group in trainer.groups}
    trainer.shrink(alive)
  images, targets = next(iter(task.dataset('train', kind.batch_size, training=True)))
  return trainer, images, targets, build


def _serve(kind: Kind, end) -> None:
  pin(kind.cores)
  trainer, images, targets, build = trainer_of(kind)
  with quiet.imports():
    from st_tf.models import cost
  started = time.process_time()
  float(trainer.train(images, targets, 0.01, 0.001)[0])
  end.send(Begun(cost.of(trainer.model).macs, build, time.process_time() - started))
  while steps := end.recv():
    started = time.monotonic()
    for _ in range(steps):
      float(trainer.train(images, targets, 0.01, 0.001)[0])
    end.send((time.monotonic() - started) / steps)
  end.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
