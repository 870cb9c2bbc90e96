"""Channels go in whole steps of the space, those that are worth the least per MAC first."""

import numpy as np
import pytest

from st_tf.arch.genome import Block, Genome, Site, price, squeezed
from st_tf.arch.spaces import SPACES
from st_tf.arch.specs import HeadSpec
from st_tf.models import mobile
from st_tf.search.analysis import analyse
from st_tf.search.narrowing import narrowed, options

SPACE = SPACES['mobilenet3_mt_tiny']
GENOME = Genome(
  8,
  ((Block(3, 16, 8, True, 'relu', True), Block(5, 12, 8, False, 'hard_swish', False)), (Block(7, 8, 12, True, 'hard_swish', False),)),
  16,
)
SITE = Site.of(SPACE.strides, (8, 8), HeadSpec('classification', 3))


@pytest.fixture(scope='module')
def channels():
  return analyse(mobile.graph(GENOME, SITE))


def test_the_options_are_what_all_layers_of_a_group_may_have(channels):
  assert options(channels, SPACE) == {
    'stem/conv': [4, 8],  # The stem and the block that is added to it.
    's0b0/expand': [4, 8, 12, 16],
    's0b1/expand': [4, 8, 12],
    's0b1/project': [4, 8],
    's1b0/expand': [4, 8],
    's1b0/project': [4, 8, 12],
    'last/conv': [8, 12, 16],
  }


@pytest.mark.parametrize('share', [1.0, 0.8, 0.5, 0.0])
def test_what_is_left_is_a_member_and_its_network(channels, share):
  whole = channels.macs()
  alive = narrowed(channels, SPACE, np.arange(channels.units, dtype=float), share * whole)
  left = channels.shrunk(alive)
  genome = GENOME.narrowed(mobile.widths(left))
  assert genome in SPACE and left == mobile.graph(genome, SITE) and analyse(left).macs() == price(genome, SITE).macs
  assert analyse(left).macs() <= share * whole or all(count == 4 or name == 'last' for name, count in mobile.widths(left).items())
  assert (genome == GENOME) == (share == 1.0)


def test_the_least_valuable_units_go_and_a_gate_keeps_its_share(channels):
  score = np.full(channels.units, 1e9)
  groups = {group.name: group for group in channels.groups}
  score[groups['s0b0/expand'].ids] = np.arange(16)[::-1]
  score[groups['s0b0/gate/squeeze'].ids] = [1.0, 4.0, 3.0, 2.0]
  alive = narrowed(channels, SPACE, score, channels.macs() - 1)
  assert np.flatnonzero(alive['s0b0/expand']).tolist() == list(range(12))
  assert np.flatnonzero(alive['s0b0/gate/squeeze']).tolist() == [1, 2, 3] and squeezed(12) == 3
  assert all(units.all() for name, units in alive.items() if not name.startswith('s0b0/'))
