"""The smallest problem that everything happens in: a task in memory, a network of seven search blocks, settings for seconds.

Also a task module: `--task=module:tests.tiny`.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import json
import pathlib
from typing import Any

import numpy as np
import pytest

from st_tf import methods
from st_tf.arch import presets
from st_tf.arch.specs import ArchSpec
from st_tf.config import Config
from st_tf.task import DataConfig, Task
from tasks._classification import ClassificationTask
from tasks._images import ArrayImages
from tasks._splits import Examples

SIZES = {'train': 96, 'validation': 24, 'test': 24}
LABELS = ('red', 'green', 'blue')
SIDE = 8
BATCH = 16
STEPS_PER_EPOCH = SIZES['train'] // BATCH
SUPERNET = pathlib.Path(__file__).parent / 'data' / 'tiny_supernet.json'
ARCH = presets.supernet(str(SUPERNET))
# Two search blocks, no dropout: quick to trace, where the network itself does not matter.
SPECK_SUPERNET = SUPERNET.with_name('speck_supernet.json')
SPECK = presets.supernet(str(SPECK_SUPERNET))
# The same for maps, which it gives at half the size of its pictures.
SPECK_MAPS = dataclasses.replace(SPECK, input_stride=2)
SETTINGS = {
  'task': 'module:tests.tiny',
  'epochs': 4,
  'batch_size': BATCH,
  'sparsity': (0.8,),
  'prune_begin': 0.2,
  'prune_end': 0.75,
  'prune_interval': 0.1,
  'search_interval': 0.2,
  'search_end': 0.6,
  'penalty': 0.0,
  'target_macs': 0.0,
  'recalibration_batches': 2,
}


def load(argument: str, config: DataConfig) -> Task:
  """Noisy pictures, each with one of three colours a little stronger."""
  del argument
  splits = {split: _draw(stream, count) for stream, (split, count) in enumerate(SIZES.items())}
  return ClassificationTask('module:tests.tiny', LABELS, splits, config, size=SIDE, default_supernet=str(SUPERNET))


def four(side: int = 12) -> Task:
  """Another task: four kinds of noise, on pictures of another size."""
  splits = {split: _draw(stream, count, side, 4) for stream, (split, count) in enumerate(SIZES.items())}
  labels = ('red', 'green', 'blue', 'grey')
  return ClassificationTask('four', labels, splits, DataConfig(), size=side, default_supernet=str(SUPERNET))


def task() -> Task:
  """The task with its default settings."""
  return load('', DataConfig())


def config(**settings: Any) -> Config:
  """`SETTINGS`, some of them replaced."""
  return Config.from_flat(SETTINGS | settings)


def of_file(path: pathlib.Path, **settings: Any) -> Any:
  """The request of a short run of the trained network in a file of Keras."""
  from st_tf.config.request import Request

  own = {'supernet': f'keras:{path}', 'pixels': 'signed', 'epochs': 1, 'target_macs': 0.6, 'learning_rate': 0.02}
  return Request.of(SETTINGS | own | settings)


def trainer(arch: ArchSpec = ARCH, searching: bool = True, pruned: bool = True, on: Task | None = None, **settings: Any):
  """A fresh trainer; `settings` by their flags' names, `on` another task than this one."""
  from st_tf.training.plan import Plan
  from st_tf.training.trainer import Trainer

  chosen = config(**settings)
  schedule = Plan.of(chosen, STEPS_PER_EPOCH).pruning if pruned else None
  return Trainer(arch, on or task(), chosen, schedule, searching)


def batches(trainer: Any, epoch: int = 0, start: int = 0) -> Iterator[tuple[Any, Any]]:
  """The training batches of an epoch."""
  settings = trainer.config
  return iter(trainer.task.dataset('train', settings.batch_size, training=True, seed=settings.seed, epoch=epoch, start_batch=start))


def train(trainer: Any, steps: int, learning_rate: float = 0.1, strength: float = 0.0) -> list[float]:
  """Takes `steps` training steps on the batches that are due, and returns their losses."""
  losses = []
  while len(losses) < steps:
    epoch, start = divmod(trainer.step, STEPS_PER_EPOCH)
    for images, targets in batches(trainer, epoch, start):
      if len(losses) < steps:
        losses.append(float(trainer.train(images, targets, learning_rate, strength)[0]))
  return losses


def draw(path: pathlib.Path, arch: ArchSpec = ARCH, process: Any = None, **settings: Any) -> tuple[Any, Any]:
  """(ticket, workdir) of a whole run in this process, or of what is left of it; of `process` where it is not one that calls."""
  from st_tf.runs.process import CALLED
  from st_tf.runs.workdir import Workdir

  supernet = SUPERNET
  if arch != ARCH:
    supernet = path.with_suffix('.json')
    supernet.write_text(presets.to_text(arch))
  chosen = config(supernet=str(supernet), **settings)
  workdir = Workdir(path, chosen, process or CALLED)
  return methods.named(chosen.method).draw(task(), chosen, workdir), workdir


@contextlib.contextmanager
def interrupted() -> Iterator[None]:
  """Stops what is drawn inside after its first epoch."""
  from st_tf.runs.run import Run

  end_epoch = Run.end_epoch

  def stop(self, epoch):
    end_epoch(self, epoch)
    raise KeyboardInterrupt

  with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
    patch.setattr(Run, 'end_epoch', stop)
    yield


def map_task(name: str) -> Task:
  """A drawn task with maps, of few pictures."""
  from st_tf import task as tasks

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(f'tasks.{name}.SIZES', {'train': 40, 'validation': 20, 'test': 20})
    return tasks.load(name, DataConfig())


def map_ticket(name: str, arch: ArchSpec = presets.PRESETS['tiny_dense'], **settings: Any) -> tuple[Any, Task]:
  """(a ticket for a drawn task with maps, never trained, its task with few pictures)."""
  from st_tf.runs.cutting import cut
  from st_tf.ticket import Provenance

  found = map_task(name)
  moved = trainer(arch, pruned=False, searching=False, on=found, **settings)
  return cut(moved, found.dataset('train', BATCH, training=True).take(2), 0.0, Provenance(method='dense')), found


def untrained(on: Task, arch: ArchSpec = SPECK) -> Any:
  """A ticket for a task as if drawn, half its weights masked; quick to make: nothing is trained, recalibrated or scored."""
  from st_tf.models import build, named_variables
  from st_tf.ticket import TaskFacts, Ticket

  shape = (*on.image_size, 3)
  weights = {name: variable.numpy() for name, variable in named_variables(build(arch, on.head, shape, seed=1)).items()}
  rng = np.random.default_rng(0)
  masks = {name: rng.random(value.shape) < 0.5 for name, value in weights.items() if name.endswith(('expand/kernel', 'project/kernel'))}
  weights |= {name: weights[name] * mask for name, mask in masks.items()}
  weights['head/classifier/kernel'] *= 50  # Pictures look different to it, though it has learnt nothing.
  facts = {name: getattr(on, name) for name in ('name', 'primary_metric', 'keep', 'semantics')}
  facts |= {name: tuple(getattr(on, name)) for name in ('labels', 'mean', 'deviation', 'image_size')}
  return Ticket(arch, arch, on.head, shape, weights, masks, survivors={}, task=TaskFacts(**facts), sparsity=0.5)


def winner(on: Task, arch: Any, step: int = 2, sparsity: float = 0.5) -> Any:
  """A winning ticket for a task as if drawn, with early weights of that step; quick to make: nothing is trained.

  Args:
    on: the task.
    arch: its network; kernels of the stem and of the classifier are not pruned.
    step: of the early weights.
    sparsity: share of each kernel that is zero.
  """
  from st_tf.models import build, cost, named_variables
  from st_tf.ticket import Costs, Early, Provenance, TaskFacts, Ticket, TrainingCost

  shape, rng = (*on.image_size, 3), np.random.default_rng(3)
  model = build(arch, on.head, shape, seed=1)
  values = {name: variable.numpy() for name, variable in named_variables(model).items()}
  kernels = [name for name in values if name.endswith('/kernel') and not name.startswith(('stem', 'head/classifier'))]
  masks = {name: rng.permutation(values[name].size).reshape(values[name].shape) >= sparsity * values[name].size for name in kernels}
  stirred = {
    name: value + rng.normal(0, 0.1, value.shape).astype(np.float32) ** 2 for name, value in values.items() if value.dtype == np.float32
  }
  weights = values | {name: value * masks.get(name, True) for name, value in stirred.items()}
  facts = {name: getattr(on, name) for name in ('name', 'primary_metric', 'keep', 'semantics')}
  facts |= {name: tuple(getattr(on, name)) for name in ('labels', 'mean', 'deviation', 'image_size')}
  found = cost.of(model, masks)
  prunable, zeros = sum(mask.size for mask in masks.values()), sum(int((~mask).sum()) for mask in masks.values())
  costs = Costs(
    found.params, found.macs, found.nonzero_params, found.nonzero_macs, prunable, zeros, found.params, found.macs, prunable, zeros
  )
  settings = config(method='lottery', sparsity=(sparsity,), learning_rate=0.05, epochs=3).flat()
  training = TrainingCost(5.5, 3 * found.macs * 96 * 5, 60.0)
  origin = Provenance(method='lottery', config=settings, training=training, examples=dict(on.sizes))
  early = Early({name: value * np.float32(0.5) if value.dtype == np.float32 else value for name, value in values.items()}, step)
  return Ticket(arch, arch, on.head, shape, weights, masks, {}, TaskFacts(**facts), sparsity, cost=costs, provenance=origin, early=early)


def write_table(path: pathlib.Path, arch: ArchSpec, groups: list[str], points: list[tuple[int, float]], base: float) -> pathlib.Path:
  """A made-up latency table in which every group takes the same: (units, milliseconds)."""
  units, milliseconds = zip(*points)
  operation = {'groups': groups, 'units': units, 'milliseconds': milliseconds}
  facts = {
    'supernet': arch.to_json(),
    'head': 'classification',
    'settings': {'runtime': 'made up'},
    'base': base,
    'whole': base,
    'operations': [operation],
  }
  path.write_text(json.dumps(facts))
  return path


def same_state(first: Any, second: Any) -> None:
  """Asserts that two `State`s are the same, arrays bit for bit."""
  assert first.facts == second.facts
  assert set(first.arrays) == set(second.arrays)
  different = [name for name, value in first.arrays.items() if not np.array_equal(value, second.arrays[name])]
  assert not different


def _draw(stream: int, count: int, side: int = SIDE, kinds: int = len(LABELS)) -> Examples:
  rng = np.random.default_rng((11, stream))
  labels = np.arange(count) % kinds
  pixels = rng.integers(0, 160, (count, side, side, 3))
  coloured = np.flatnonzero(labels < len(LABELS))
  pixels[coloured, :, :, labels[coloured]] += 60
  return Examples(ArrayImages(pixels.astype(np.uint8), f'tests.tiny/{list(SIZES)[stream]}'), labels)
