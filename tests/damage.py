"""Damage to files: bits that flip, ends that are missing, values of other types."""

from collections.abc import Iterator
import copy
import json
from typing import Any

import numpy as np

VALUES = (None, True, -1, 0, 1.5, 'x', '', [], {}, [1], {'a': 1}, [[]], float('inf'))


def flipped(content: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
  """`content` with one bit changed, at `count` places."""
  for place in np.random.default_rng(seed).permutation(8 * len(content))[:count]:
    changed = bytearray(content)
    changed[place // 8] ^= 1 << (place % 8)
    yield bytes(changed)


def cut(content: bytes, count: int) -> Iterator[bytes]:
  """`content` without its end, cut at `count` places."""
  for length in sorted({int(length) for length in np.linspace(0, len(content) - 1, count)}):
    yield content[:length]


def mistyped(facts: Any) -> Iterator[bytes]:
  """JSON in which one value at a time is another one, or missing."""
  for path in list(_paths(facts)):
    for value in VALUES:
      changed = copy.deepcopy(facts)
      where = changed
      for step in path[:-1]:
        where = where[step]
      where[path[-1]] = value
      yield json.dumps(changed).encode()
    changed = copy.deepcopy(facts)
    where = changed
    for step in path[:-1]:
      where = where[step]
    del where[path[-1]]
    yield json.dumps(changed).encode()


def _paths(value: Any, before: tuple = ()) -> Iterator[tuple]:
  names = value if isinstance(value, dict) else range(min(len(value), 2)) if isinstance(value, list) else ()
  for name in names:
    yield (*before, name)
    yield from _paths(value[name], (*before, name))
