"""New genomes by chance, as pure functions: a first one within a bound, a mutation, a crossover. All of them are members of their space.

Where the bound leaves few members, what was drawn becomes smaller at random places until it is kept to.
"""

from collections.abc import Callable
import dataclasses
import random

from st_tf.arch.genome import ACTIVATIONS, KERNELS, Block, Genome, Price
from st_tf.arch.spaces import Space

_DRAWS = 20  # From the whole space, before one is made smaller: a member of those that fit is as likely as any other until then.
_TRIES = 50  # Of a mutation, before its result is made smaller.
_PLAINER = 0.2  # Of the changes that keep a genome to milliseconds.
_MOST_GENES = 3  # That a mutation changes.


class TooSmall(ValueError):
  """No member of a space keeps to a bound."""


@dataclasses.dataclass(frozen=True)
class Bound:
  """What a network may cost.

  Attributes:
    price: of a genome.
    macs: that it may have.
    params: that it may have; 0 = any.
    milliseconds: that it may take; 0 = any.
    latency: of a genome, in milliseconds.
  """

  price: Callable[[Genome], Price]
  macs: float
  params: float = 0
  milliseconds: float = 0
  latency: Callable[[Genome], float] = lambda genome: 0.0

  def allows(self, genome: Genome) -> bool:
    """Whether a genome keeps to it."""
    price = self.price(genome)
    small = price.macs <= self.macs and (not self.params or price.params <= self.params)
    return small and (not self.milliseconds or self.latency(genome) <= self.milliseconds)


def smallest(space: Space) -> Genome:
  """The member of which every stage is as shallow and as narrow as it may be: no other costs less."""
  narrowest = [Block(KERNELS[0], stage.hidden[0], stage.widths[0], False, ACTIVATIONS[0], False) for stage in space.stages]
  stages = tuple((block,) * stage.depths[0] for block, stage in zip(narrowest, space.stages))
  return Genome(space.stems[0], stages, space.lasts[0])


def largest(space: Space) -> Genome:
  """The member of which every stage is as deep and as wide as it may be: no other costs more."""
  widest = [Block(KERNELS[-1], stage.hidden[-1], stage.widths[-1], True, ACTIVATIONS[0], False) for stage in space.stages]
  stages = tuple((block,) * stage.depths[-1] for block, stage in zip(widest, space.stages))
  return Genome(space.stems[-1], stages, space.lasts[-1])


def sampled(space: Space, bound: Bound, rng: random.Random) -> Genome:
  """A member within the bound.

  Raises:
    TooSmall: there is none.
  """
  for _ in range(_DRAWS):
    genome = space.sample(rng)
    if bound.allows(genome):
      return genome
  return slimmed(genome, space, bound, rng)


def slimmed(genome: Genome, space: Space, bound: Bound, rng: random.Random) -> Genome:
  """A member within the bound that a genome becomes when it loses channels and blocks at random places.

  Raises:
    TooSmall: there is none.
  """
  if not bound.allows(smallest(space)):
    raise TooSmall('no member of the space keeps to the bound')
  while not bound.allows(genome):
    plainer = bound.milliseconds and rng.random() < _PLAINER
    genome = (_plainer if plainer else _smaller)(genome, space, rng)
  return genome


def grown(genome: Genome, space: Space, bound: Bound, least: float, rng: random.Random) -> Genome:
  """What a genome becomes when it gains channels and blocks at random places, within the bound, until it has as many MACs as `least`.

  Tickets are smaller than what they come from: without it every generation would be smaller than its bound allows, and than the last.
  """
  for _ in range(_TRIES):
    if bound.price(genome).macs >= least:
      break
    larger = _larger(genome, space, rng)
    if bound.allows(larger) and _skips(larger) >= _skips(genome):
      genome = larger
  return genome


def mutated(genome: Genome, space: Space, bound: Bound, rng: random.Random) -> Genome:
  """Another member within the bound, of which one to three genes differ; where the bound allows none, more.

  Raises:
    TooSmall: no member keeps to the bound.
  """
  for _ in range(_TRIES):
    changed = genome
    for _ in range(rng.randint(1, _MOST_GENES)):
      changed = rng.choice(_CHANGES)(changed, space, rng)
    if changed != genome and bound.allows(changed):
      return changed
  return slimmed(changed, space, bound, rng)


def crossed(first: Genome, second: Genome, space: Space, bound: Bound, rng: random.Random) -> tuple[Genome, tuple[int, ...]]:
  """(a member within the bound, for each stage the parent, 0 or 1, that it is of); stem and end are the first one's.

  Raises:
    TooSmall: no member keeps to the bound.
  """
  origins = tuple(rng.randrange(2) for _ in space.stages)
  child = _valid(space, first.stem, [list((first, second)[origin].stages[number]) for number, origin in enumerate(origins)], first.last)
  return slimmed(child, space, bound, rng), origins


def _valid(space: Space, stem: int, stages: list[list[Block]], last: int) -> Genome:
  """The genome without the skips that do not fit any more."""
  genome = Genome(stem, tuple(map(tuple, stages)), last)
  blocks: list[list[Block]] = [[] for _ in stages]
  for number, place, before, block in genome.blocks():
    fits = space.may_skip(number, place, before, block.width)
    blocks[number].append(dataclasses.replace(block, skip=block.skip and fits))
  return Genome(stem, tuple(map(tuple, blocks)), last)


def _replaced(genome: Genome, space: Space, number: int, place: int, **genes: object) -> Genome:
  stages = [list(stage) for stage in genome.stages]
  stages[number][place] = dataclasses.replace(stages[number][place], **genes)
  return _valid(space, genome.stem, stages, genome.last)


def _somewhere(genome: Genome, rng: random.Random) -> tuple[int, int, int, Block]:
  return rng.choice(list(genome.blocks()))


def _kernel(genome: Genome, space: Space, rng: random.Random) -> Genome:
  number, place, _, _ = _somewhere(genome, rng)
  return _replaced(genome, space, number, place, kernel=rng.choice(KERNELS))


def _hidden(genome: Genome, space: Space, rng: random.Random) -> Genome:
  number, place, _, _ = _somewhere(genome, rng)
  return _replaced(genome, space, number, place, hidden=rng.choice(space.stages[number].hidden))


def _width(genome: Genome, space: Space, rng: random.Random) -> Genome:
  number, place, _, _ = _somewhere(genome, rng)
  return _replaced(genome, space, number, place, width=rng.choice(space.stages[number].widths))


def _gate(genome: Genome, space: Space, rng: random.Random) -> Genome:
  number, place, _, block = _somewhere(genome, rng)
  return _replaced(genome, space, number, place, gate=not block.gate)


def _activation(genome: Genome, space: Space, rng: random.Random) -> Genome:
  number, place, _, _ = _somewhere(genome, rng)
  return _replaced(genome, space, number, place, activation=rng.choice(ACTIVATIONS))


def _skip(genome: Genome, space: Space, rng: random.Random) -> Genome:
  """Adds or takes away a skip; where it would not fit, the block first becomes as wide as what it reads."""
  number, place, before, block = _somewhere(genome, rng)
  if block.skip:
    return _replaced(genome, space, number, place, skip=False)
  width = before if before in space.stages[number].widths else block.width
  return _replaced(genome, space, number, place, width=width, skip=True)


def _deeper(genome: Genome, space: Space, rng: random.Random) -> Genome:
  """One more block at the end of a stage, with a skip: weights are inherited by place, and no other block changes its own."""
  number, _, _, _ = _somewhere(genome, rng)
  stages = [list(stage) for stage in genome.stages]
  if len(stages[number]) + 1 in space.stages[number].depths:
    stages[number].append(dataclasses.replace(stages[number][-1], skip=True))
  return _valid(space, genome.stem, stages, genome.last)


def _shallower(genome: Genome, space: Space, rng: random.Random) -> Genome:
  """One block less at the end of a stage."""
  number, _, _, _ = _somewhere(genome, rng)
  stages = [list(stage) for stage in genome.stages]
  if len(stages[number]) - 1 in space.stages[number].depths:
    stages[number].pop()
  return _valid(space, genome.stem, stages, genome.last)


def _stem(genome: Genome, space: Space, rng: random.Random) -> Genome:
  return _valid(space, rng.choice(space.stems), list(map(list, genome.stages)), genome.last)


def _last(genome: Genome, space: Space, rng: random.Random) -> Genome:
  return dataclasses.replace(genome, last=rng.choice(space.lasts))


_CHANGES = (_kernel, _hidden, _width, _gate, _activation, _skip, _deeper, _shallower, _stem, _last)


def _smaller(genome: Genome, space: Space, rng: random.Random) -> Genome:
  """One gene smaller, where it can be."""
  number, place, _, block = _somewhere(genome, rng)
  stage, kind = space.stages[number], rng.randrange(6)
  if kind == 0:
    return _shallower(genome, space, rng)
  if kind == 1:
    return _replaced(genome, space, number, place, kernel=rng.choice([size for size in KERNELS if size <= block.kernel]))
  if kind == 2:
    return _valid(space, rng.choice(_upto(space.stems, genome.stem)), list(map(list, genome.stages)), genome.last)
  if kind == 3:
    return dataclasses.replace(genome, last=rng.choice(_upto(space.lasts, genome.last)))
  if kind == 4:
    return _replaced(
      genome, space, number, place, width=rng.choice(_upto(stage.widths, block.width)), gate=block.gate and rng.random() < 0.5
    )
  return _replaced(genome, space, number, place, hidden=rng.choice(_upto(stage.hidden, block.hidden)))


def _plainer(genome: Genome, space: Space, rng: random.Random) -> Genome:
  """A block without what costs no MACs, but time."""
  number, place, _, _ = _somewhere(genome, rng)
  return _replaced(genome, space, number, place, activation=ACTIVATIONS[0], skip=False)


def _larger(genome: Genome, space: Space, rng: random.Random) -> Genome:
  """One gene larger, where it can be: mostly what lies between expansion and projection, which no skip has a say in."""
  number, place, _, block = _somewhere(genome, rng)
  stage, kind = space.stages[number], rng.randrange(6)
  if kind == 0:
    return _deeper(genome, space, rng)
  if kind == 1:
    return _replaced(genome, space, number, place, width=rng.choice(stage.widths[stage.widths.index(block.width) :]))
  if kind == 2:
    return dataclasses.replace(genome, last=rng.choice(space.lasts[space.lasts.index(genome.last) :]))
  return _replaced(genome, space, number, place, hidden=rng.choice(stage.hidden[stage.hidden.index(block.hidden) :]))


def _skips(genome: Genome) -> int:
  return sum(block.skip for _, _, _, block in genome.blocks())


def _upto(options: range, most: int) -> list[int]:
  return [option for option in options if option <= most]
