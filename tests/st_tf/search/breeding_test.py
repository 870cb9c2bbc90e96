"""Whatever chance decides, a genome stays a member of its space and within its bound."""

import dataclasses
import math
import random

from hypothesis import given
from hypothesis import strategies as st
import pytest

from st_tf.arch.genome import Price, Site, price
from st_tf.arch.space_latency import work
from st_tf.arch.spaces import SPACES
from st_tf.arch.specs import HeadSpec
from st_tf.search import breeding
from st_tf.search.breeding import Bound, TooSmall, crossed, grown, largest, mutated, sampled, slimmed, smallest

SITES = {
  'mobilenet3_mt_tiny': ((8, 8), HeadSpec('classification', 3)),
  'mobilenet3_mt_small': ((32, 32), HeadSpec('classification', 100)),
  'mobilenet3_mt': ((96, 128), HeadSpec('dense', 5)),
}
CASES = (st.sampled_from(sorted(SITES)), st.floats(1.0, 30.0), st.integers(0))


def bound_of(name: str, factor: float, of_params: bool = False) -> Bound:
  """A bound so much above the smallest member."""
  space, (size, head) = SPACES[name], SITES[name]
  site = Site.of(space.strides, size, head)
  least = price(smallest(space), site)
  return Bound(lambda genome: price(genome, site), factor * least.macs, factor * least.params if of_params else 0)


@given(*CASES, st.booleans())
def test_what_is_drawn_is_a_member_within_the_bound(name, factor, seed, of_params):
  bound = bound_of(name, factor, of_params)
  genome = sampled(SPACES[name], bound, random.Random(seed))
  assert genome in SPACES[name] and bound.allows(genome)


@given(*CASES)
def test_children_are_members_within_the_bound(name, factor, seed):
  space, bound, rng = SPACES[name], bound_of(name, factor), random.Random(seed)
  first, second = (sampled(space, bound, rng) for _ in range(2))
  for _ in range(2):
    first, (second, origins) = mutated(first, space, bound, rng), crossed(first, second, space, bound, rng)
    for child in (first, second):
      assert child in space and bound.allows(child)
    assert len(origins) == len(space.stages) and set(origins) <= {0, 1}


@given(st.sampled_from(sorted(SITES)), st.integers(0))
def test_only_the_smallest_keeps_to_its_own_milliseconds(name, seed):
  space, (size, head) = SPACES[name], SITES[name]
  site, least = Site.of(space.strides, size, head), smallest(space)

  def latency(genome):  # As a table that finds all work to take time.
    return sum(work(genome, site).values())

  bound = Bound(lambda genome: price(genome, site), math.inf, milliseconds=latency(least), latency=latency)
  assert sampled(space, bound, random.Random(seed)) == least


@given(st.sampled_from(sorted(SITES)), st.integers(0))
def test_each_change_alone_gives_a_member(name, seed):
  space, rng = SPACES[name], random.Random(seed)
  genome = space.sample(rng)
  for change in (*breeding._CHANGES, breeding._smaller, breeding._plainer):
    assert change(genome, space, rng) in space, change.__name__


@given(st.sampled_from(sorted(SITES)), st.integers(0))
def test_no_member_costs_less_than_the_smallest(name, seed):
  bound = bound_of(name, 1.0, of_params=True)
  least, other = smallest(SPACES[name]), SPACES[name].sample(random.Random(seed))
  assert least in SPACES[name] and bound.allows(least)
  assert bound.price(other).macs >= bound.price(least).macs and bound.price(other).params >= bound.price(least).params


@given(st.sampled_from(sorted(SITES)), st.integers(0))
def test_no_member_costs_more_than_the_largest(name, seed):
  price, most = bound_of(name, 1.0).price, largest(SPACES[name])
  other = SPACES[name].sample(random.Random(seed))
  assert most in SPACES[name]
  assert price(other).macs <= price(most).macs and price(other).params <= price(most).params


def test_a_bound_that_none_meets_is_said():
  bound = bound_of('mobilenet3_mt_tiny', 0.9)
  with pytest.raises(TooSmall):
    sampled(SPACES['mobilenet3_mt_tiny'], bound, random.Random(0))


@given(*CASES)
def test_what_grows_stays_within_the_bound_and_keeps_its_skips(name, factor, seed):
  space, bound, rng = SPACES[name], bound_of(name, factor), random.Random(seed)
  genome = sampled(space, bound, rng)
  child = grown(genome, space, bound, bound.macs, rng)
  assert child in space and bound.allows(child) and bound.price(child).macs >= bound.price(genome).macs
  assert sum(block.skip for *_, block in child.blocks()) >= sum(block.skip for *_, block in genome.blocks())
  assert grown(genome, space, bound, 0, rng) == genome


def test_mutations_change_every_kind_of_gene_and_the_depth():
  space, bound, rng = SPACES['mobilenet3_mt_tiny'], bound_of('mobilenet3_mt_tiny', 30), random.Random(0)
  genome, seen = sampled(space, bound, rng), set()
  for _ in range(200):
    child = mutated(genome, space, bound, rng)
    assert child != genome
    seen |= {'stem'} if child.stem != genome.stem else set()
    seen |= {'last'} if child.last != genome.last else set()
    if [len(stage) for stage in child.stages] != [len(stage) for stage in genome.stages]:
      seen.add('depth')
    else:
      pairs = zip(child.blocks(), genome.blocks())
      seen |= {name for (*_, new), (*_, old) in pairs for name in vars(new) if getattr(new, name) != getattr(old, name)}
    genome = child
  assert seen == {'stem', 'last', 'depth', 'kernel', 'hidden', 'width', 'gate', 'activation', 'skip'}


@given(st.sampled_from(sorted(SITES)), st.integers(0))
def test_a_change_of_depth_leaves_all_other_blocks_in_their_places(name, seed):
  space, rng = SPACES[name], random.Random(seed)
  genome = space.sample(rng)
  for change in (breeding._deeper, breeding._shallower):
    for stage, before in zip(change(genome, space, rng).stages, genome.stages):
      assert abs(len(stage) - len(before)) <= 1
      for block, other in zip(stage, before):
        assert dataclasses.replace(block, skip=False) == dataclasses.replace(other, skip=False)


def test_without_a_need_nothing_becomes_smaller():
  space = SPACES['mobilenet3_mt_tiny']
  genome = space.sample(random.Random(1))
  assert slimmed(genome, space, Bound(lambda genome: Price(1, 1), 1), random.Random(0)) == genome
