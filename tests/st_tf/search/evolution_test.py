"""Who is kept, who has children, and what they may cost."""

import dataclasses

import pytest

from st_tf.arch.genome import Price, Site, price
from st_tf.arch.spaces import SPACES
from st_tf.arch.specs import HeadSpec
from st_tf.search import evolution
from st_tf.search.breeding import Bound, smallest
from st_tf.search.evolution import Candidate, Rules, best, kept, parents, proposed

SPACE = SPACES['mobilenet3_mt_tiny']
SITE = Site.of(SPACE.strides, (8, 8), HeadSpec('classification', 3))
BOUND = Bound(lambda genome: price(genome, SITE), 60_000)
RULES = Rules(population=4, largest=0.25, begin=2.0, target=100.0, budget=1000.0)


def one(number: int, fitness: float | None, macs: int = 50, parents: tuple[int, ...] = (), generation: int = 0) -> Candidate:
  genome = SPACE.member(number)
  return Candidate(number, generation, genome, parents, ticket=None if fitness is None else genome, macs=macs, fitness=fitness)


def numbers(candidates):
  return [candidate.number for candidate in candidates]


def test_the_bound_falls_geometrically_and_stays_at_the_target():
  assert RULES.bound(0) == 200 and RULES.bound(300) == pytest.approx(100 * 2**0.5)
  assert RULES.bound(600) == RULES.bound(900) == 100


def test_the_fittest_within_the_bound_are_kept_and_of_the_equally_fit_the_first():
  tried = [one(0, 0.3), one(1, 0.5), one(2, 0.5), one(3, None), one(4, 0.9, macs=120), one(5, 0.1), one(6, 0.2)]
  assert numbers(kept(tried, RULES, 100)) == [1, 2, 0, 6]
  assert numbers(kept(tried, RULES, 120)) == [4, 1, 2, 0]


def test_where_fewer_than_two_are_within_the_bound_the_smallest_are_kept():
  tried = [one(0, 0.3, macs=130), one(1, 0.5, macs=120), one(2, 0.9, macs=150)]
  assert numbers(kept(tried, RULES, 100)) == [1, 0]


def test_parents_are_the_fitter_half_and_a_share_of_the_largest():
  population = [one(0, 0.9, macs=10), one(1, 0.8, macs=20), one(2, 0.7, macs=30), one(3, 0.6, macs=90)]
  assert numbers(parents(population, RULES)) == [0, 1, 3]
  assert numbers(parents(population, Rules(4, 0.0, 1.0, 1.0, 1.0))) == [0, 1]
  assert numbers(parents(population[:1], RULES)) == [0]


def tried_ones() -> list[Candidate]:
  return [one(number, 0.1 * number, price(SPACE.member(number), SITE).macs) for number in range(4)]


def test_a_candidate_depends_on_the_seed_and_on_those_before_it():
  first = proposed(tried_ones(), [], SPACE, RULES, BOUND, seed=3)
  assert first == proposed(tried_ones(), [], SPACE, RULES, BOUND, seed=3)
  others = [proposed(tried_ones(), [first], SPACE, RULES, BOUND, 3), proposed(tried_ones(), [], SPACE, RULES, BOUND, 4)]
  assert all(other.genome != first.genome for other in others)
  assert (first.number, others[0].number, first.generation, others[0].generation) == (4, 5, 1, 1)


def test_children_have_parents_of_the_population_and_their_stages_an_origin_and_none_comes_twice():
  allowed = set(numbers(parents(kept(tried_ones(), RULES, BOUND.macs), RULES)))
  children = []
  while len(children) < 40:
    children.append(proposed(tried_ones(), children, SPACE, RULES, BOUND, 0))
  assert {len(child.parents) for child in children} == {1, 2}
  assert all(set(child.parents) <= allowed and len(child.origins) == 2 for child in children)
  assert all(max(child.origins) < len(child.parents) for child in children)
  assert len({child.genome for child in children} - {each.genome for each in tried_ones()}) == 40


def test_where_chance_finds_no_new_genome_there_is_no_candidate(monkeypatch):
  monkeypatch.setattr(evolution, '_born', lambda *given: (SPACE.member(2), (), ()))
  assert proposed([], [], SPACE, RULES, BOUND, 0).genome == SPACE.member(2)
  assert proposed([], [one(2, None)], SPACE, RULES, BOUND, 0) is None and proposed([one(2, 0.5)], [], SPACE, RULES, BOUND, 0) is None


def test_without_evolution_and_in_the_first_generation_there_are_no_parents():
  alone = proposed(tried_ones(), [], SPACE, Rules(4, 0.2, 2.0, 100.0, 1000.0, evolves=False), BOUND, 0)
  assert alone.parents == proposed([], [], SPACE, RULES, BOUND, 0).parents == ()


def test_when_all_have_failed_the_next_generation_is_drawn_by_chance():
  assert proposed([one(0, None), one(1, None)], [], SPACE, RULES, BOUND, 0).parents == ()


def test_the_best_are_within_the_target_where_there_are_such():
  tried = [one(0, 0.9, macs=120), one(1, 0.5), one(2, None), one(3, 0.7), one(4, 0.95, macs=130)]
  assert numbers(best(tried, 100, 1)) == [3]
  assert numbers(best(tried, 100, 3)) == [3, 1, 4]
  assert numbers(best(tried[:1], 100, 2)) == [0]


def test_children_have_most_of_what_the_bound_allows():
  children = [proposed(tried_ones(), [], SPACE, RULES, BOUND, seed) for seed in range(40)]
  large = [price(child.genome, SITE).macs >= 0.8 * BOUND.macs for child in children]
  assert sum(large) > 30 and max(price(one.genome, SITE).macs for one in tried_ones()) < 0.6 * BOUND.macs


def test_a_candidate_may_be_as_much_larger_as_its_ticket_is_smaller():
  rules = Rules(4, 0.25, 2.0, 100.0, 1000.0, share=0.5)
  sizes = [price(each.genome, SITE).macs for each in tried_ones()]
  tried = [one(number, 0.1 * number, macs) for number, macs in enumerate(sizes)]
  bound = Bound(BOUND.price, 2 * sorted(sizes)[1])
  allowed = {each.number for each in tried if each.macs <= sorted(sizes)[1]}
  assert {proposed(tried, [], SPACE, rules, bound, seed).parents[0] for seed in range(20)} <= allowed


def test_a_generation_of_children_is_half_a_population():
  assert (RULES.size_of(0), RULES.size_of(1), Rules(3, 0, 1, 1, 1).children) == (4, 2, 1)


def test_a_bound_counts_milliseconds_too():
  bound = Bound(lambda genome: Price(5, 7), 7, milliseconds=2.0, latency=lambda genome: genome.stem / 4)
  assert bound.allows(dataclasses.replace(smallest(SPACE), stem=8)) and not bound.allows(dataclasses.replace(smallest(SPACE), stem=12))


def test_a_bound_counts_parameters_too():
  least = smallest(SPACE)
  assert Bound(lambda genome: Price(5, 7), 7, 5).allows(least)
  assert not Bound(lambda genome: Price(6, 7), 7, 5).allows(least) and not Bound(lambda genome: Price(5, 8), 7, 5).allows(least)
