"""Evolution of genomes (MENAS, arXiv:2203.04300) as pure functions: what a population keeps, who has children, what they may cost.

Facts of the paper: candidates are trained briefly and replaced by their lottery tickets; parents are the fittest and a small share of the
largest; the population becomes smaller over generations. Its numbers were not available to us: those here are ours.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import random

from st_tf.arch.genome import Genome
from st_tf.arch.spaces import Space
from st_tf.search import breeding
from st_tf.search.breeding import Bound

SLIMMED_AT = 0.6  # Of the search's cost, from where on the bound is the target.
_CROSSED = 0.3  # Share of the children that have two parents.


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
    begin: bound on the first generation's MACs, relative to the target.
    target: MACs that a network may have at the end.
    budget: multiply-accumulates that all trainings together may take.
    evolves: whether candidates after the first generation are children; else all are drawn by chance.
  """

  population: int
  largest: float
  begin: float
  target: float
  budget: float
  evolves: bool = True

  @property
  def children(self) -> int:
    """Candidates of each generation after the first."""
    return max(self.population // 2, 1)

  def size_of(self, generation: int) -> int:
    """Candidates of a generation."""
    return self.children if generation else self.population

  def bound(self, spent: float) -> float:
    """MACs that a new candidate may have when so much of the budget is spent: they fall from `begin` to the target, geometrically."""
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


def proposed(tried: Sequence[Candidate], generation: int, place: int, space: Space, rules: Rules, bound: Bound, seed: int) -> Candidate:
  """A candidate that is not yet trained; it depends on the generations before it and on nothing else.

  Args:
    tried: the candidates of all earlier generations.
    generation: that it is of.
    place: in its generation, from 0.
    space: that it is a member of.
    rules: of the evolution.
    bound: that it keeps to.
    seed: of all chance.

  Raises:
    TooSmall: no member of the space keeps to the bound.
  """
  rng, number = random.Random(f'{seed}/{generation}/{place}'), len(tried) + place
  population = kept(tried, rules, bound.macs) if rules.evolves and generation else []
  if not population:
    return Candidate(number, generation, breeding.sampled(space, bound, rng))
  chosen = parents(population, rules)
  first = rng.choice(chosen)
  others = [one for one in chosen if one is not first]
  if others and rng.random() < _CROSSED:
    second = rng.choice(others)
    child, origins = breeding.crossed(first.ticket, second.ticket, space, bound, rng)
    if child not in (first.ticket, second.ticket):
      return Candidate(number, generation, child, (first.number, second.number), origins)
  child = breeding.mutated(first.ticket, space, bound, rng)
  return Candidate(number, generation, child, (first.number,), (0,) * len(space.stages))


def best(tried: Sequence[Candidate], target: float, count: int) -> list[Candidate]:
  """The fittest within the target, the first of several first; where they are too few, the fittest of the others, still to be narrowed."""
  trained = sorted((one for one in tried if one.fitness is not None), key=_by_fitness)
  return sorted(trained, key=lambda one: one.macs > target)[:count]


def ancestry(number: int, tried: Mapping[int, Candidate]) -> list[Candidate]:
  """A candidate and all that it descends from, the oldest first."""
  found: dict[int, Candidate] = {}
  left = [number]
  while left:
    one = tried[left.pop()]
    if one.number not in found:
      found[one.number] = one
      left.extend(one.parents)
  return [found[key] for key in sorted(found)]


def _by_fitness(one: Candidate) -> tuple[float, int]:
  return -one.fitness, one.number
