"""What units and networks cost, counted by hand."""

import pytest

from st_tf.arch.latency import LatencyTable
from st_tf.search import prices
from st_tf.search.analysis import analyse
from tests import networks

# 4x4 positions: the expansion has 16 * 4 * 12 MACs, the depthwise convolution 16 * 9 * 12, the projection 16 * 12 * 4.
CURVES = {'expand': ((384, 768), (1.0, 3.0)), 'depthwise': ((1728,), (6.0,)), 'project': ((768,), (2.4,))}


@pytest.fixture
def channels():
  return analyse(networks.inverted())


@pytest.fixture
def table(channels):
  return LatencyTable(channels.graph, 'classification', {}, 0.5, 12.0, CURVES)


def expand(channels):
  return next(group for group in channels.groups if group.name == 'expand')


def test_layers_have_the_macs_of_all_their_kernels(channels):
  assert prices.layer_macs(channels) == {'stem': 192, 'expand': 768, 'depthwise': 1728, 'project': 768}
  half = {'expand': [True, False] * 6}
  assert prices.layer_macs(channels, half) == {'stem': 192, 'expand': 384, 'depthwise': 864, 'project': 384}


def test_macs_are_those_of_the_channels(channels):
  assert prices.MACS.network(channels, None) == channels.macs() == 3456
  assert prices.MACS.units(channels, expand(channels)).tolist() == [272] * 12


def test_milliseconds_are_the_fixed_part_and_those_of_the_layers(channels, table):
  price = prices.milliseconds(table)
  assert price.symbol == 'ms'
  assert price.network(channels, None) == pytest.approx(0.5 + 3.0 + 6.0 + 2.4)
  assert price.network(channels, {'expand': [True, False] * 6}) == pytest.approx(0.5 + 1.0 + 3.0 + 1.2)


def test_what_is_left_of_the_network_costs_the_same_as_when_it_is_named(channels, table):
  alive = {'expand': [True, False, True] * 4}
  price = prices.milliseconds(table)
  assert price.network(analyse(channels.shrunk(alive)), None) == price.network(channels, alive)


def test_a_unit_takes_its_share_of_each_layer_that_it_lies_in(channels, table):
  assert prices.milliseconds(table).units(channels, expand(channels)) == pytest.approx([3.0 / 12 + 6.0 / 12 + 2.4 / 12] * 12)
