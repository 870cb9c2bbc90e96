"""Evolution of genomes (MENAS, arXiv:2203.04300) as pure functions: what a population keeps, who has children, what they may cost.

Facts of the paper: candidates are trained briefly and replaced by their lottery tickets; parents are the fittest and a small share of the
largest; the population becomes smaller over generations. Its numbers were not available to us: those here are ours.
"""

from collections.abc import Sequence
import dataclasses
import random

from st_tf.arch.genome import Genome
from st_tf.arch.spaces import Space
from st_tf.search import breeding
from st_tf.search.breeding import Bound

SLIMMED_AT = 0.6  # Of the search's cost, from where on the bound is the target.
_CROSSED = 0.3  # Share of the children that have two parents.
_LEAST = 0.8  # Of the bound that a child has at least, where chance finds a place for it.
_ATTEMPTS = 100  # At a genome that was not tried before.


@dataclasses.dataclass(frozen=True)
class Candidate:
  """A network that was tried.

  Attributes:
    number: from 0, in the order in which it was proposed.
    generation: from 0.
    genome: as it was proposed.
    parents: numbers of those that it comes from; none of one by chance.
    origins: which of them each stage is of.
    ticket: the genome that is left of it; None = it could not be trained.
    macs: of what is left.
    fitness: its score; None likewise.
    spent: multiply-accumulates that its training took.
  """

  number: int
  generation: int
  genome: Genome
  parents: tuple[int, ...] = ()
  origins: tuple[int, ...] = ()
  ticket: Genome | None = None
  macs: int = 0
  fitness: float | None = None
  spent: int = 0


@dataclasses.dataclass(frozen=True)
class Rules:
  """How a population evolves.

  Attributes:
    population: candidates of the first generation, and how many are kept after each.
    largest: share of the parents that are the largest of those kept.
    begin: bound on the MACs of the first generation's tickets, relative to the target.
    target: MACs that a network may have at the end.
    budget: multiply-accumulates that all trainings together may take.
    evolves: whether candidates after the first generation are children; else all are drawn by chance.
    share: of a candidate's MACs that its ticket keeps, so that it may have as many more than the ticket may.
  """

  population: int
  largest: float
  begin: float
  target: float
  budget: float
  evolves: bool = True
  share: float = 1.0

  @property
  def children(self) -> int:
    """Candidates of each generation after the first."""
    return max(self.population // 2, 1)

  def size_of(self, generation: int) -> int:
    """Candidates of a generation."""
    return self.children if generation else self.population

  def bound(self, spent: float) -> float:
    """MACs that the ticket of a new candidate may have when so much is spent: they fall from `begin` to the target, geometrically."""
    return self.target * self.begin ** max(1 - spent / (SLIMMED_AT * self.budget), 0.0)


def kept(tried: Sequence[Candidate], rules: Rules, bound: float) -> list[Candidate]:
  """The population after a generation, the fittest first: of those within the bound; where fewer than two are, the smallest ones."""
  trained = sorted((one for one in tried if one.fitness is not None), key=_by_fitness)
  within = [one for one in trained if one.macs <= bound]
  if len(within) < 2:
    within = sorted(sorted(trained, key=lambda one: one.macs)[:2], key=_by_fitness)
  return within[: rules.population]


def parents(population: Sequence[Candidate], rules: Rules) -> list[Candidate]:
  """Who has children: the fitter half, and a share of the largest, which keep a population from collapsing into tiny networks."""
  fittest = list(population[: max((len(population) + 1) // 2, 1)])
  count = min(max(round(rules.largest * len(population)), 1), len(population)) if rules.largest > 0 else 0
  largest = sorted(population, key=lambda one: (-one.macs, one.number))[:count]
  return fittest + [one for one in largest if one not in fittest]


def proposed(
  tried: Sequence[Candidate], siblings: Sequence[Candidate], space: Space, rules: Rules, bound: Bound, seed: int
) -> Candidate | None:
  """The next candidate of a generation, as yet untrained; it depends on what its arguments are and on nothing else.

  None comes twice: where chance finds no genome that is new, there is no candidate.

  Args:
    tried: the candidates of all earlier generations.
    siblings: those of the same one that were proposed before it, as they were proposed.
    space: that it is a member of.
    rules: of the evolution.
    bound: that it keeps to.
    seed: of all chance.

  Raises:
    TooSmall: no member of the space keeps to the bound.
  """
  generation, number = tried[-1].generation + 1 if tried else 0, len(tried) + len(siblings)
  rng, population = random.Random(f'{seed}/{number}'), kept(tried, rules, bound.macs * rules.share) if rules.evolves else []
  taken = {one.genome for one in (*tried, *siblings)} | {one.ticket for one in tried}
  for _ in range(_ATTEMPTS):
    found = _born(population, space, rules, bound, rng)
    if found[0] not in taken:
      return Candidate(number, generation, *found)
  return None


def _born(
  population: Sequence[Candidate], space: Space, rules: Rules, bound: Bound, rng: random.Random
) -> tuple[Genome, tuple[int, ...], tuple[int, ...]]:
  """(a genome, the numbers of its parents, which of them each stage is of)."""
  if not population:
    return breeding.sampled(space, bound, rng), (), ()
  chosen = parents(population, rules)
  first = rng.choice(chosen)
  others = [one for one in chosen if one is not first]
  if others and rng.random() < _CROSSED:
    second = rng.choice(others)
    child, origins = breeding.crossed(first.ticket, second.ticket, space, bound, rng)
    numbers = first.number, second.number
  else:
    child, origins, numbers = breeding.mutated(first.ticket, space, bound, rng), (0,) * len(space.stages), (first.number,)
  return breeding.grown(child, space, bound, _LEAST * bound.macs, rng), numbers, origins


def best(tried: Sequence[Candidate], target: float, count: int) -> list[Candidate]:
  """The fittest within the target, the first of several first; where they are too few, the fittest of the others, still to be narrowed."""
  trained = sorted((one for one in tried if one.fitness is not None), key=_by_fitness)
  return sorted(trained, key=lambda one: one.macs > target)[:count]


def _by_fitness(one: Candidate) -> tuple[float, int]:
  return -one.fitness, one.number
