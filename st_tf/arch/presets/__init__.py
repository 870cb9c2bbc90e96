"""Supernets by name: a file for each preset, which defines it as ARCH. One of your own can also be a JSON file and no code."""

import json
import os
import pathlib

from st_tf import plugins
from st_tf.arch.specs import ArchSpec, SpecError
from st_tf.errors import did_you_mean
from st_tf.files import expanded

PRESETS: dict[str, ArchSpec] = {name: plugins.load(__name__, name, 'ARCH') for name in plugins.names(__name__)}

FAMILIES = plugins.names('st_tf.models.families')  # Networks that need TensorFlow to be built: models.families has them.
KERAS = 'keras:'  # What the name of a network in a file of Keras begins with.


def is_graph(name: str) -> bool:
  """Whether the supernet is one by name or by file, and not of presets."""
  return name.partition(':')[0] in FAMILIES or name.startswith(KERAS)


def check(name: str) -> None:
  """Refuses a name that no supernet has.

  Raises:
    SpecError: listing those that there are.
  """
  if name.startswith(KERAS):
    path = expanded(name.removeprefix(KERAS))
    if not path.exists():
      raise SpecError(f'--supernet={KERAS}FILE names a file that is there. Received: {path}.')
  elif not is_graph(name):
    supernet(name)


def supernet(name: str) -> ArchSpec:
  """The preset called `name`, or the ArchSpec in the JSON file at that path.

  Raises:
    SpecError: neither a preset nor a readable file with an ArchSpec.
  """
  if name in PRESETS:
    return PRESETS[name]
  path = expanded(name)
  if path.suffix != '.json' and not path.is_file():
    known = (*PRESETS, *FAMILIES)
    rule = f'A supernet is one of {", ".join(known)}, or a .json file with an ArchSpec.'
    raise SpecError(f'{rule} Received: {name!r}.{did_you_mean(name, known)}')
  try:
    return ArchSpec.from_json(path.read_bytes())
  except OSError as error:
    rule = 'The file of a supernet can be read.'
    raise SpecError(f'{rule} Received: {name!r} ({error}). Presets are {", ".join(PRESETS)}.') from error
  except SpecError as error:
    raise SpecError(f'{name}: {error}') from error


def to_text(arch: ArchSpec) -> str:
  """The JSON text that `supernet` reads back from a file."""
  return json.dumps(arch.to_json(), indent=2) + '\n'
