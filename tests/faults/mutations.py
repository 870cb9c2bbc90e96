"""Inputs that are nearly right: what a file was, with a few changes drawn from a seed."""

from collections.abc import Sequence
import copy
import json
from typing import Any

import numpy as np

_DEEP = 3_000  # Lists inside each other: more than Python's stack.
_LONG = 20_000
# What programs trip over, as text and as values.
_TOKENS = (
  b'null', b'true', b'NaN', b'Infinity', b'-1', b'0', b'1e999', b'1e-400', b'9' * 40, b'9223372036854775808', b'[]', b'{}', b'""', b',',
  b'[' * 99, b'\x00', b'\xff\xfe', b'\xef\xbb\xbf', b'\\ud800', b'../../x', b'/etc/passwd', b'\xff\xff\xff\xff', b'\x00\x00\x00\x80',
  b'%s', b'\r\n', b':', b';', b'|',
)  # fmt: skip
_VALUES = (
  None, True, False, -1, 0, 1, 2**31, 2**63 - 1, 10**30, 1.5, -0.0, 1e308, float('inf'), float('nan'), '', 'x', '../../x', '/etc/passwd',
  '\x00', '\ud800', 'é' * 300, [], {}, [1], [[]], [None], {'a': 1}, {'': None}, ['x'] * 50, [0] * _LONG, 'y' * _LONG,
)  # fmt: skip


def mutated(seeds: Sequence[bytes], number: int) -> bytes:
  """Input `number` of those that come from some right ones; the same whenever it is asked for."""
  random = np.random.default_rng(number)
  content = seeds[random.integers(len(seeds))]
  structured = _structured(content, random) if random.random() < 0.6 else None
  content = structured or content
  for _ in range(0 if structured and random.random() < 0.6 else int(random.integers(1, 5))):
    content = _CHANGES[random.integers(len(_CHANGES))](content, random, seeds)
  return content


def _structured(content: bytes, random: np.random.Generator) -> bytes | None:
  """JSON in which some values are others, gone, or twice there; None of what is no JSON, or too deep to be taken apart here."""
  try:
    facts = json.loads(content)
    for _ in range(int(random.integers(1, 4))):
      facts = _changed(facts, random)
    return json.dumps(facts).encode()
  except (ValueError, RecursionError):
    return None


def _changed(facts: Any, random: np.random.Generator) -> Any:
  places = list(_places(facts))
  if not places:
    return copy.deepcopy(_VALUES[random.integers(len(_VALUES))])
  owner, name = places[random.integers(len(places))]
  other, another = places[random.integers(len(places))]
  match int(random.integers(6)):
    case 0:
      del owner[name]
    case 1:
      owner[name] = copy.deepcopy(other[another])
    case 2 if isinstance(owner, list):
      owner.insert(name, copy.deepcopy(owner[name]))
    case 3 if isinstance(owner, dict):
      owner[f'{name}_'] = owner.pop(name)
    case 4 if isinstance(owner[name], int | float):
      owner[name] = owner[name] * float(random.choice([-1, 0.5, 2, 1e9])) + int(random.integers(-1, 2))
    case _:
      owner[name] = copy.deepcopy(_VALUES[random.integers(len(_VALUES))])
  return facts


def _places(value: Any) -> list[tuple[Any, Any]]:
  """Where each value is: what holds it, and under which name."""
  names = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
  found = []
  for name in names:
    found.append((value, name))
    found += _places(value[name])
  return found


def _flipped(content: bytes, random: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
  changed = bytearray(content)
  if changed:
    changed[random.integers(len(changed))] ^= 1 << int(random.integers(8))
  return bytes(changed)


def _overwritten(content: bytes, random: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
  start, length = _piece(content, random, 8)
  return content[:start] + random.bytes(length) + content[start + length :]


def _cut(content: bytes, random: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
  return content[: random.integers(len(content) + 1)]


def _removed(content: bytes, random: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
  start, length = _piece(content, random, 64)
  return content[:start] + content[start + length :]


def _repeated(content: bytes, random: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
  start, length = _piece(content, random, 64)
  return content[:start] + content[start : start + length] * int(random.integers(2, 40)) + content[start + length :]


def _told(content: bytes, random: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
  start, length = _piece(content, random, 8)
  return content[:start] + _TOKENS[random.integers(len(_TOKENS))] + content[start + length * int(random.integers(2)) :]


def _deepened(content: bytes, random: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
  start, _ = _piece(content, random, 1)
  opening = [b'[', b'{"a":'][random.integers(2)]
  return content[:start] + opening * int(random.integers(1, _DEEP)) + content[start:]


def _mixed(content: bytes, random: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
  other = seeds[random.integers(len(seeds))]
  start, length = _piece(other, random, 400)
  place = random.integers(len(content) + 1)
  return content[:place] + other[start : start + length] + content[place:]


_CHANGES = (_flipped, _overwritten, _cut, _removed, _repeated, _told, _deepened, _mixed)


def _piece(content: bytes, random: np.random.Generator, longest: int) -> tuple[int, int]:
  return int(random.integers(len(content) + 1)), int(random.integers(1, longest + 1))
