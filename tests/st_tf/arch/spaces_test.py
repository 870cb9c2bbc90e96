"""How many genomes a space has, that each has one number, and that chance favours none."""

import collections
import dataclasses
import itertools
import random

from hypothesis import given
from hypothesis import strategies as st
import pytest

from st_tf.arch.genome import ACTIVATIONS, KERNELS, Block, Genome
from st_tf.arch.spaces import SPACES, Space, Stage

NAMES = st.sampled_from(sorted(SPACES))
# Two widths in two stages, the first of one or two blocks.
_TWO = range(4, 9, 4)
MICRO = Space(_TWO, (Stage(1, range(1, 3), _TWO, range(4, 5)), Stage(2, range(1, 2), _TWO, _TWO)), range(8, 9))


def all_of(space: Space) -> set[Genome]:
  """Every member, found by trying all that there could be."""
  found = set()
  for depths in itertools.product(*(stage.depths for stage in space.stages)):
    owners = [number for number, depth in enumerate(depths) for _ in range(depth)]
    either = (False, True)
    genes = [(KERNELS, space.stages[n].hidden, space.stages[n].widths, either, ACTIVATIONS, either) for n in owners]
    choices = [[Block(*chosen) for chosen in itertools.product(*each)] for each in genes]
    for stem, last, blocks in itertools.product(space.stems, space.lasts, itertools.product(*choices)):
      stages = tuple(tuple(block for owner, block in zip(owners, blocks) if owner == number) for number in range(len(depths)))
      genome = Genome(stem, stages, last)
      if genome in space:
        found.add(genome)
  return found


def test_every_member_has_one_number_and_every_number_a_member():
  space = Space(MICRO.stems, (Stage(1, range(1, 3), range(4, 9, 4), range(4, 5)),), MICRO.lasts)
  members = [space.member(index) for index in range(space.size)]
  assert len(members) == len(set(members)) and set(members) == all_of(space)


def test_the_size_is_counted_by_hand():
  # A block has 3 * 2 * 2 = 12 choices beside width and skip; with one width and a stride of 1 it may skip: 24; of two blocks 24 * 24.
  one = Space(range(4, 5), (Stage(1, range(1, 3), range(4, 5), range(4, 5)),), range(8, 17, 4))
  assert one.size == (24 + 24 * 24) * 3
  strided = Space(range(4, 5), (Stage(2, range(1, 3), range(4, 5), range(4, 5)),), range(8, 9))
  assert strided.size == 12 + 12 * 24


def test_the_sizes_of_the_spaces_are_known():
  assert SPACES['mobilenet3_mt_tiny'].size == 7_820_478_720
  assert SPACES['mobilenet3_mt_small'].size == 7_905_285_495_898_930_196_779_719_913_221_266_391_302_111_703_859_200
  assert len(str(SPACES['mobilenet3_mt'].size)) == 127


@given(NAMES, st.integers(0))
def test_what_is_drawn_is_a_member(name, seed):
  assert SPACES[name].sample(random.Random(seed)) in SPACES[name]


def test_each_member_is_as_likely_as_any_other():
  one = Space(range(4, 5), (Stage(1, range(1, 3), range(4, 5), range(4, 5)),), range(8, 9))
  rng = random.Random(0)
  drawn = collections.Counter(one.sample(rng) for _ in range(60 * one.size))
  assert len(drawn) == one.size
  expected = 60.0
  chi = sum((count - expected) ** 2 / expected for count in drawn.values())
  assert abs(chi - (one.size - 1)) < 4 * (2 * (one.size - 1)) ** 0.5  # Four deviations of a chi-square.


@pytest.mark.parametrize('index', [-1, MICRO.size])
def test_there_is_no_other_number(index):
  with pytest.raises(IndexError, match=f'Genomes have numbers from 0 to {MICRO.size - 1}. Received: {index}.'):
    MICRO.member(index)


def genome(first: dict[str, object], second: dict[str, object], stem: int = 4, last: int = 8) -> Genome:
  plain = Block(3, 4, 4, False, 'relu', False)
  return Genome(stem, ((dataclasses.replace(plain, **first),), (dataclasses.replace(plain, **second),)), last)


@pytest.mark.parametrize(
  ('found', 'fault'),
  [
    (genome({}, {}, stem=5), 'stem 5'),
    (genome({}, {}, last=9), 'last 9'),
    (Genome(4, genome({}, {}).stages[:1], 8), '1 stages'),
    (Genome(4, ((), genome({}, {}).stages[1]), 8), 'stage 0 of 0 blocks'),
    (genome({'kernel': 2}, {}), 'kernel 2 in block 0 of stage 0'),
    (genome({'hidden': 9}, {}), 'hidden 9 in block 0 of stage 0'),
    (genome({}, {'width': 6}), 'width 6 in block 0 of stage 1'),
    (genome({'activation': 'tanh'}, {}), 'activation tanh in block 0 of stage 0'),
    (genome({'skip': True}, {}, stem=8), 'skip in block 0 of stage 0'),
    (genome({'skip': True}, {'skip': True}), 'skip in block 0 of stage 1'),
  ],
)
def test_a_fault_is_named(found, fault):
  assert list(MICRO.faults(found)) == [fault] and found not in MICRO
  assert genome({'skip': True}, {'gate': True}) in MICRO


def test_strides_are_of_the_first_convolution_and_of_each_stage():
  assert SPACES['mobilenet3_mt'].strides == (2, 1, 2, 2, 2, 1, 2)
