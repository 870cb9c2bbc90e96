"""One setting of a dataclass: its type, its choices, and how it is written."""

import dataclasses
import decimal
import math
from typing import Any

from st_tf.config.duration import WRITTEN, Duration
from st_tf.errors import UserError, did_you_mean

KINDS = {str: 'text', bool: 'true or false', int: 'a whole number', float: 'a number', tuple[float, ...]: 'one number or several'}
_DURATIONS = tuple[Duration, ...]


class ConfigError(UserError):
  """A setting that no run can have."""


def setting(default: Any, text: str, choices: tuple[str, ...] = (), share: bool = False) -> Any:
  """A field of a frozen dataclass with what a flag needs.

  Args:
    default: its value.
    text: its help.
    choices: where not everything is allowed.
    share: whether it is a share, which may be written as a percentage.
  """
  return dataclasses.field(default=default, metadata={'help': text, 'choices': choices, 'share': share})


def checked(field: dataclasses.Field, value: Any) -> Any:
  """`value` in the type of the field: whole numbers become floats, one number or a list becomes a tuple where needed.

  Raises:
    ConfigError: another type, no finite number, or not among the field's choices.
  """
  if field.metadata.get('share'):
    value = _without_percent(field, value)
  if field.type in (Duration, _DURATIONS):
    return _checked_durations(field, value)
  if field.type == tuple[float, ...]:
    entries = value if isinstance(value, (list, tuple)) else (value,)
    fits = all(_is_number(entry) for entry in entries)
    converted = tuple(float(entry) for entry in entries) if fits else ()
  elif field.type is float:
    fits = _is_number(value)
    converted = float(value) if fits else value
  else:
    fits, converted = type(value) is field.type, value
  if not fits:
    raise ConfigError(f'--{field.name} is {KINDS[field.type]}. Received: {value!r}. Write for example {_example(field)}.')
  choices = field.metadata.get('choices')
  if choices and converted not in choices:
    raise ConfigError(f'--{field.name} is one of {", ".join(choices)}. Received: {value!r}.{did_you_mean(value, choices)}')
  return converted


def check_all(options: Any) -> None:
  """Brings every field of a frozen dataclass into its type; to be called when it is made.

  Raises:
    ConfigError: as `checked`.
  """
  for field in dataclasses.fields(options):
    object.__setattr__(options, field.name, checked(field, getattr(options, field.name)))


def _checked_durations(field: dataclasses.Field, value: Any) -> Any:
  several = field.type == _DURATIONS
  entries = value if several and isinstance(value, (list, tuple)) else (value,)
  try:
    durations = tuple(Duration.of(entry) for entry in entries)
  except ValueError:
    bare = next((str(entry) for entry in entries if isinstance(entry, str) and _is_numeral(entry)), '')
    way_out = f'Write {bare}ep for epochs, or {bare}it for steps.' if bare else f'Write for example {_example(field)}.'
    raise ConfigError(f'--{field.name} is {WRITTEN}. Received: {value!r}. {way_out}') from None
  return durations if several else durations[0]


def from_text(field: dataclasses.Field, text: str) -> Any:
  """The text as a value; text that is none stays as it is, and `checked` then says what it should have been."""
  try:
    if field.type is bool:
      return {'true': True, '1': True, 'yes': True, 'false': False, '0': False, 'no': False}.get(text.lower(), text)
    if field.type == tuple[float, ...]:
      return tuple(float(entry) for entry in text.split(','))
    if field.type == _DURATIONS:
      return tuple(entry.strip() for entry in text.split(','))
    return text if field.type is Duration else field.type(text)
  except ValueError:
    return text


def _without_percent(field: dataclasses.Field, value: Any) -> Any:
  """A share that is written as a percentage, or several of which some are, as numbers; everything else as it is."""
  several = field.type == tuple[float, ...]
  entries = value.split(',') if several and isinstance(value, str) else value if isinstance(value, (list, tuple)) else (value,)
  if not any(isinstance(entry, str) and entry.strip().endswith('%') for entry in entries):
    return value
  try:
    found = tuple(_share(entry) if isinstance(entry, str) else entry for entry in entries)
  except (decimal.InvalidOperation, ValueError):
    return value
  return found if several else found[0]


def _share(text: str) -> float:
  amount = text.strip().removesuffix('%')
  # By decimals: 0.07 is not what 7 / 100 is in binary everywhere.
  return float(decimal.Decimal(amount.strip()) / 100) if amount != text.strip() else float(amount)


def shown(value: Any) -> str:
  """A setting's value as it is written after `--name=`."""
  if isinstance(value, bool):
    return str(value).lower()
  return ','.join(map(str, value)) if isinstance(value, tuple) else str(value)


def _example(field: dataclasses.Field) -> str:
  if field.type is bool:
    return f'--{field.name} or --no{field.name}'
  return f'--{field.name}={shown(field.default)}'


def _is_numeral(text: str) -> bool:
  return text.strip().replace('.', '', 1).isdigit()


def _is_number(value: Any) -> bool:
  return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
