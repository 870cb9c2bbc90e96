"""Plain data from files: JSON of which nothing is believed, and what says whether it was changed."""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
import hashlib
import json
import math
import pathlib
import types
import typing
from typing import Any

_LARGEST = 256 * 2**20  # Bytes of a file of ours; the largest tickets of trained networks have a few MB.
_DEEPEST = 60  # Lists and objects inside each other; graphs of trained networks have 8.
_WIDEST = 2**63
CHECKSUM = 'checksum'


def parse(text: str | bytes, own: bool = True) -> Any:
  """The value in JSON text.

  Args:
    text: in UTF-8, where it is bytes; a byte-order mark is passed over.
    own: whether it is of a kind that programs like this one write; files of data may be larger, and have what they have.

  Raises:
    ValueError: it is none, or deeper, longer or of larger numbers than anything that is written here.
  """
  if own and len(text) > _LARGEST:
    raise ValueError(f'{len(text):,} bytes of JSON, of which at most {_LARGEST:,} are read')
  try:
    value = json.loads(text if isinstance(text, str) else text.decode('utf-8-sig'), parse_int=_whole if own else None)
  except RecursionError as error:
    raise ValueError('lists or objects too deep inside each other') from error
  if own:
    _check_depth(value)
  return value


def read(path: pathlib.Path, own: bool = True) -> Any:
  """The JSON in a file.

  Args:
    path: the file.
    own: as of `parse`.

  Raises:
    ValueError: the file is missing, damaged, or none that `parse` reads.
  """
  try:
    if own and path.stat().st_size > _LARGEST:
      raise ValueError(f'{path.stat().st_size:,} bytes of JSON, of which at most {_LARGEST:,} are read')
    return parse(path.read_bytes(), own)
  except (OSError, ValueError) as error:
    raise ValueError(f'{path.name}: {error}') from error


def sealed(facts: Mapping[str, Any]) -> dict[str, Any]:
  """Facts with a checksum of them, by which `unsealed` sees a change."""
  return {**facts, CHECKSUM: checksum(facts)}


def unsealed(facts: Any) -> dict[str, Any]:
  """What was `sealed`, without the checksum; facts from before there was one as they are.

  Raises:
    ValueError: it is no object, or was changed.
  """
  if not isinstance(facts, dict):
    raise ValueError(f'{type(facts).__name__}, not an object')
  left = {name: value for name, value in facts.items() if name != CHECKSUM}
  if CHECKSUM in facts and facts[CHECKSUM] != checksum(left):
    raise ValueError('its checksum is that of other contents')
  return left


def checksum(facts: Any) -> str:
  """Changes with what is in plain data, and not with the order of names."""
  return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def check(value: Any, kind: Any, name: str) -> None:
  """Refuses plain data that is not of a type.

  Args:
    value: as JSON has it.
    kind: what it should be, as annotations say it: of tuples and sequences there are lists, of dataclasses objects.
    name: what messages call it.

  Raises:
    ValueError: it is of another type, or a number that is none.
  """
  origin, inner = typing.get_origin(kind), typing.get_args(kind)
  if kind is Any:
    return
  if origin in (typing.Union, types.UnionType):
    _check_one_of(value, inner, name)
  elif dataclasses.is_dataclass(kind):
    _require(isinstance(value, Mapping), value, 'an object', name)
    check_fields(value, kind, name)
  elif _is(origin or kind, Mapping):
    _require(isinstance(value, Mapping), value, 'an object', name)
    for key, entry in value.items():
      check(entry, inner[1] if inner else Any, f'{name}.{key}')
  elif _is(origin or kind, Sequence) and kind is not str:
    _require(isinstance(value, list | tuple), value, 'a list', name)
    _check_entries(value, inner, name)
  elif kind is float:
    _require(isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf, value, 'a number', name)
  else:
    _require(type(value) is kind, value, {int: 'a whole number', str: 'text', bool: 'true or false'}.get(kind, str(kind)), name)


def check_fields(facts: Mapping[str, Any], kind: type, name: str) -> None:
  """Refuses an object whose entries are not of the types of a dataclass's fields; what is no field is not looked at.

  Raises:
    ValueError: naming the entry.
  """
  for field, found in _types(kind).items():
    if field in facts:
      check(facts[field], found, f'{name}.{field}' if name else field)


def check_whole(facts: Any, kind: type, name: str) -> None:
  """As `check` of a dataclass, of which no field may be missing.

  Raises:
    ValueError: naming the entry.
  """
  check(facts, kind, name)
  missing = next((field for field in _types(kind) if field not in facts), None)
  if missing:
    raise ValueError(f'{name} has no {missing}')


@functools.cache
def _types(kind: type) -> dict[str, Any]:
  found = typing.get_type_hints(kind)
  return {field.name: found[field.name] for field in dataclasses.fields(kind)}


def _check_one_of(value: Any, kinds: Sequence[Any], name: str) -> None:
  wrong = []
  for kind in kinds:
    if kind is type(None):
      if value is None:
        return
      continue
    try:
      return check(value, kind, name)
    except ValueError as error:
      wrong.append(error)
  raise wrong[0]


def _check_entries(value: Sequence[Any], inner: Sequence[Any], name: str) -> None:
  if not inner:
    return
  if len(inner) == 2 and inner[1] is Ellipsis or len(inner) == 1:
    inner = [inner[0]] * len(value)
  _require(len(value) == len(inner), value, f'a list of {len(inner)}', name)
  for index, (entry, kind) in enumerate(zip(value, inner)):
    check(entry, kind, f'{name}[{index}]')


def _is(kind: Any, of: type) -> bool:
  return isinstance(kind, type) and issubclass(kind, of)


def _require(condition: bool, value: Any, wanted: str, name: str) -> None:
  if not condition:
    raise ValueError(f'{name} is {shortened(value)}, not {wanted}')


def shortened(value: Any) -> str:
  """A value for a message: on one line, and not long."""
  text = repr(value) if isinstance(value, str | int | float | None) else type(value).__name__
  return text if len(text) <= 40 else f'{text[:37]}...'


def _whole(digits: str) -> int:
  if len(digits) > 20 or abs(int(digits)) > _WIDEST:
    raise ValueError(f'a number of {len(digits)} digits')
  return int(digits)


def _check_depth(value: Any) -> None:
  """Refuses what functions that call themselves could not walk through."""
  level = [value]
  for _ in range(_DEEPEST):
    level = [
      entry for item in level if isinstance(item, dict | list) for entry in (item.values() if isinstance(item, dict) else item)
      if isinstance(entry, dict | list)
    ]  # fmt: skip
    if not level:
      return
  raise ValueError(f'lists or objects more than {_DEEPEST} deep inside each other')
