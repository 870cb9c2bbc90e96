"""What the operations of a supernet take on a runtime: the table that `tflite.latency_table` measures and searches use."""

from collections.abc import Mapping
import dataclasses
import math
import pathlib
from typing import Any

import numpy as np

from st_tf import plain
from st_tf.arch.graph import Architecture, Graph, architecture
from st_tf.errors import UserError
from st_tf.files import expanded

_LEAST = 1e-6  # Milliseconds; what takes no time would have no penalty.
PREFIX = 'latency:'  # `--cost=latency:FILE`.


class LatencyError(UserError):
  """A file that is no latency table, or one of another supernet."""


@dataclasses.dataclass(frozen=True)
class LatencyTable:
  """Milliseconds of each searchable group of a supernet, by the units that are left of it; of a graph, of each layer by its MACs.

  Attributes:
    arch: the supernet.
    head: kind of its head.
    settings: how it was measured: 'runtime', 'image_size' in pixels, 'density' of the 1x1 kernels, and the like.
    base: milliseconds of what no unit carries.
    whole: milliseconds of the whole supernet, measured in one piece.
    curves: {group name: (units, milliseconds)}, of a graph {layer: (MACs, milliseconds)}; all rising.
  """

  arch: Architecture
  head: str
  settings: Mapping[str, Any]
  base: float
  whole: float
  curves: Mapping[str, tuple[tuple[int, ...], tuple[float, ...]]]

  @classmethod
  def load(cls, path: str | pathlib.Path) -> 'LatencyTable':
    """The table in a file.

    Raises:
      LatencyError: it cannot be read, is no such table, or is not finished.
    """
    rule = 'A latency table is a file that python -m tflite.latency_table has finished.'
    try:
      facts = plain.parse(expanded(path).read_bytes())
      if 'supernet' not in facts and 'space' in facts:
        raise LatencyError(f'{rule} Received: {path}, which is of a space of --method=menas. Measure the supernet.')
      arch, head = architecture(facts['supernet']), str(facts['head'])
      names, amounts = ('layers', 'macs') if isinstance(arch, Graph) else ('groups', 'units')
      curves = {name: _rising(entry, amounts) for entry in facts['operations'] for name in entry[names]}
      base, whole = float(facts['base']), float(facts['whole'])
      settings = dict(facts['settings'])
    except LatencyError:
      raise
    except OSError as error:
      raise LatencyError(f'{rule} Received: {path} ({error.strerror}). Measure one first.') from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
      raise LatencyError(f'{rule} Received: {path} ({type(error).__name__}: {error}). Measure it again.') from error
    if not curves or not all(math.isfinite(number) and number >= 0 for number in (base, whole)):
      raise LatencyError(f'{rule} Received: {path}, without operations or with times that are none. Measure it again.')
    return cls(arch, head, settings, base, whole, curves)

  def check(self, arch: Architecture, head: str) -> None:
    """Refuses a supernet, or a kind of head, that this table is not of.

    Raises:
      LatencyError: so it is.
    """
    if arch != self.arch or head != self.head:
      other = f'a table of another one{_apart(self.arch, arch)}'
      what = other if arch != self.arch else f'a table with a {self.head} head, where the task has a {head} head'
      more = ' --image_size=... --outputs=... --padding=...' if isinstance(arch, Graph) else ' --head=...'
      raise LatencyError(
        f'A latency table belongs to the supernet it was measured with. Received: {what}.'
        f' Measure this one: python -m tflite.latency_table --supernet=...{more} --out=FILE.'
      )

  def milliseconds(self, name: str, left: float) -> float:
    """What a group takes when so many of its units are left, or a layer of so many MACs: between two measured numbers, in proportion.

    Raises:
      LatencyError: the table does not have it.
    """
    if name not in self.curves:
      raise LatencyError(f'A latency table holds every group that is searched. Received: none for {name}. Measure this supernet.')
    counts, times = self.curves[name]
    return float(np.interp(left, (0, *counts), (0.0, *times)))


def _apart(one: Architecture, other: Architecture) -> str:
  """In what two graphs differ, where that is plain."""
  if not (isinstance(one, Graph) and isinstance(other, Graph)):
    return ''
  shown = [
    f'{"x".join(map(str, graph[graph.inputs[0]].shape[:2]))} pixels, {graph[graph.outputs[0]].shape[-1]} outputs' for graph in (one, other)
  ]
  return f' ({shown[0]}; the task has {shown[1]})' if shown[0] != shown[1] else ''


def _rising(entry: Mapping[str, Any], amounts: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
  """(units or MACs, milliseconds) with noise taken out: more never take less time, and none takes none."""
  units, times = entry[amounts], [float(time) for time in entry['milliseconds']]
  if len(units) != len(times) or not units or list(units) != sorted(set(units)) or units[0] < 1 or not all(map(math.isfinite, times)):
    raise ValueError(f'units {units} and milliseconds {times} of one operation')
  return tuple(units), tuple(np.maximum.accumulate(np.maximum(times, _LEAST)).tolist())
