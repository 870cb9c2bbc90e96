"""What the operations of a supernet take on a runtime: the table that `tflite.latency_table` measures and searches use."""

from collections.abc import Mapping
import dataclasses
import json
import math
import pathlib
from typing import Any

import numpy as np

from st_tf.arch.specs import ArchSpec, SpecError
from st_tf.errors import UserError

_LEAST = 1e-6  # Milliseconds; what takes no time would have no penalty.
PREFIX = 'latency:'  # `--cost=latency:FILE`.


class LatencyError(UserError):
  """A file that is no latency table, or one of another supernet."""


@dataclasses.dataclass(frozen=True)
class LatencyTable:
  """Milliseconds of each searchable group of a supernet, by the units that are left of it.

  Attributes:
    arch: the supernet.
    head: kind of its head.
    settings: how it was measured: 'runtime', 'image_size' in pixels, 'density' of the 1x1 kernels, and the like.
    base: milliseconds of the network without any unit.
    whole: milliseconds of the whole supernet, measured in one piece.
    groups: {group name: (units, milliseconds)}, both rising.
  """

  arch: ArchSpec
  head: str
  settings: Mapping[str, Any]
  base: float
  whole: float
  groups: Mapping[str, tuple[tuple[int, ...], tuple[float, ...]]]

  @classmethod
  def load(cls, path: str | pathlib.Path) -> 'LatencyTable':
    """The table in a file.

    Raises:
      LatencyError: it cannot be read, is no such table, or is not finished.
    """
    rule = 'A latency table is a file that python -m tflite.latency_table has finished.'
    try:
      facts = json.loads(pathlib.Path(path).expanduser().read_text(encoding='utf-8'))
      arch, head = ArchSpec.from_json(facts['supernet']), str(facts['head'])
      groups = {name: _rising(entry) for entry in facts['operations'] for name in entry['groups']}
      base, whole = float(facts['base']), float(facts['whole'])
      settings = dict(facts['settings'])
    except OSError as error:
      raise LatencyError(f'{rule} Received: {path} ({error.strerror}). Measure one first.') from error
    except (ValueError, KeyError, TypeError, SpecError) as error:
      raise LatencyError(f'{rule} Received: {path} ({type(error).__name__}: {error}). Measure it again.') from error
    if not groups or not all(math.isfinite(number) and number >= 0 for number in (base, whole)):
      raise LatencyError(f'{rule} Received: {path}, without operations or with times that are none. Measure it again.')
    return cls(arch, head, settings, base, whole, groups)

  def check(self, arch: ArchSpec, head: str) -> None:
    """Refuses a supernet, or a kind of head, that this table is not of.

    Raises:
      LatencyError: so it is.
    """
    if arch != self.arch or head != self.head:
      what = 'a table of another one' if arch != self.arch else f'a table with a {self.head} head, where the task has a {head} head'
      raise LatencyError(
        f'A latency table belongs to the supernet it was measured with. Received: {what}.'
        ' Measure this one: python -m tflite.latency_table --supernet=... --head=... --out=FILE.'
      )

  def milliseconds(self, group: str, units: float) -> float:
    """What a group takes when so many of its units are left: between two measured numbers, in proportion.

    Raises:
      LatencyError: the table does not have the group.
    """
    if group not in self.groups:
      raise LatencyError(f'A latency table holds every group that is searched. Received: none for {group}. Measure this supernet.')
    counts, times = self.groups[group]
    return float(np.interp(units, (0, *counts), (0.0, *times)))


def _rising(entry: Mapping[str, Any]) -> tuple[tuple[int, ...], tuple[float, ...]]:
  """(units, milliseconds) with noise taken out: more units never take less time, and none takes none."""
  units, times = entry['units'], [float(time) for time in entry['milliseconds']]
  if len(units) != len(times) or not units or list(units) != sorted(set(units)) or units[0] < 1 or not all(map(math.isfinite, times)):
    raise ValueError(f'units {units} and milliseconds {times} of one operation')
  return tuple(units), tuple(np.maximum.accumulate(np.maximum(times, _LEAST)).tolist())
