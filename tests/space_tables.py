"""Latency tables of spaces whose times follow from rates that are known."""

import json
import pathlib
import random
from typing import Any

from st_tf.arch.genome import Genome, Site
from st_tf.arch.space_latency import work
from st_tf.arch.spaces import SPACES
from st_tf.arch.specs import HeadSpec

RATES = {'network': 0.2, 'pointwise': 2e-7, 'depthwise_5': 3e-7, 'gates': 0.01, 'head': 1e-7}


def site(space: str, side: int, outputs: int) -> Site:
  """Where the networks of a table are built."""
  return Site.of(SPACES[space].strides, (side, side), HeadSpec('classification', outputs))


def genomes(space: str, count: int) -> list[Genome]:
  """Members by chance, always the same."""
  rng = random.Random(0)
  return [SPACES[space].sample(rng) for _ in range(count)]


def time_of(genome: Genome, at: Site) -> float:
  """What a network takes by the rates."""
  return sum(RATES.get(name, 0.0) * amount for name, amount in work(genome, at).items())


def facts(space: str, side: int, outputs: int, count: int = 40) -> dict[str, Any]:
  """A table as a file has it."""
  at = site(space, side, outputs)
  operations = [{'genome': genome.to_text(), 'milliseconds': time_of(genome, at)} for genome in genomes(space, count)]
  settings = {'runtime': 'wasm', 'image_size': side, 'outputs': outputs, 'density': 0.1, 'networks': count}
  return {'space': space, 'head': 'classification', 'settings': settings, 'operations': operations}


def write(path: pathlib.Path, *what: Any, **changes: Any) -> pathlib.Path:
  """Writes the table of `facts`, with changes, and returns the path."""
  path.write_text(json.dumps(facts(*what) | changes))
  return path
