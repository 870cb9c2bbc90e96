"""How much memory a training step takes, by an estimate that was held against measured peaks (docs/train_step.md)."""

import pathlib

from st_tf.arch import limits
from st_tf.arch.graph import Architecture, Graph
from st_tf.arch.specs import HeadSpec

_BASE = 1_200_000_000  # Bytes of a process with TensorFlow, some batches of data and a step of few layers.
_LOADED, _OF_A_LAYER = 800_000_000, 800_000  # Bytes before a step is traced, and what tracing leaves behind for each layer.
_MANY_LAYERS, _OF_MANY = 1000, 1.6  # Networks of so many keep that much more of what they give: branches wait for each other.
_OF_A_LABEL = 16  # Bytes for each label of each pixel of a map: what the loss enlarges outputs to, and its gradients.
_BOUNDS = ('/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes')  # Of containers, by version.
_COMFORTABLE, _POSSIBLE = 0.5, 0.95  # Shares of the machine's memory.


def of_step(arch: Architecture, head: HeadSpec, input_shape: tuple[int, int, int], batch_size: int) -> int:
  """Bytes that a process takes at its peak while it trains the network.

  Args:
    arch: the network.
    head: its end; a graph has its own.
    input_shape: (height, width, channels) of one image.
    batch_size: images per step.
  """
  weights, images = _parts(arch, head, input_shape)
  return weights + batch_size * images


def largest_batch(
  arch: Architecture, head: HeadSpec, input_shape: tuple[int, int, int], wanted: int, jobs: int = 1, comfortable: bool = True
) -> int:
  """The largest batch, `wanted` or a half, a quarter, ... of it, that takes no more than the machine has; 0 where one image does not fit.

  Args:
    arch: the network.
    head: its end.
    input_shape: (height, width, channels) of one image.
    wanted: images per step.
    jobs: trainings at a time, which share the machine's memory.
    comfortable: whether half of the memory is left to others, as long as there is a batch for it.
  """
  memory, batch = machine() / jobs, wanted
  while batch > 1 and of_step(arch, head, input_shape, batch) > memory * (_COMFORTABLE if comfortable else _POSSIBLE):
    batch //= 2
  return batch if of_step(arch, head, input_shape, batch) <= memory * _POSSIBLE else 0


def machine() -> int:
  """Bytes of memory that this process may have: those of the machine, or of its container."""
  bounds = [limits.machine_memory()]
  for path in map(pathlib.Path, _BOUNDS):
    try:
      text = path.read_text(encoding='ascii').strip()
    except OSError:
      continue
    bounds += [int(text)] if text.isdigit() else []
  return min(bounds)


def _parts(arch: Architecture, head: HeadSpec, input_shape: tuple[int, int, int]) -> tuple[int, int]:
  """Bytes of (process, layers and weights; one image)."""
  size = limits.of_graph(arch) if isinstance(arch, Graph) else limits.of_specs(arch, head, input_shape)
  maps = input_shape[0] * input_shape[1] * head.outputs * _OF_A_LABEL if head.kind == 'dense' else 0
  kept = _OF_MANY if size.layers > _MANY_LAYERS else 1
  return max(_BASE, _LOADED + _OF_A_LAYER * size.layers) + size.of_weights, round(kept * size.of_image) + maps
