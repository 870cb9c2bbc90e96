"""What a search unit costs, by hand and against the networks that are built without it.

Penalties equal the reference's: ../models/high_resolution_test.py, which builds its supernets.
"""

import dataclasses

import numpy as np
import pytest

from st_tf.arch.graph import Graph
from st_tf.arch.latency import LatencyError, LatencyTable
from st_tf.arch.specs import ArchSpec, HeadSpec, StageSpec
from st_tf.models import build, cost
from st_tf.search import importance
from st_tf.search.importance import Group
from st_tf.search.shrink import shrunk_arch
from tests import networks
from tests.tiny import write_table

ARCH = ArchSpec(
  stages=(StageSpec((1,), (4,)), StageSpec((0, 0), (4, 6))),
  stem_channels=(4, 4),
  input_stride=1,
  head_channels=(4, 6),
  last_channel=8,
  kernels=(3, 5),
  expansion=2,
)
TOKENS = dataclasses.replace(ARCH, tokens=5)
HEAD = HeadSpec('classification', 3)
SHAPE = (8, 8, 3)
# M of a group of five tokens; n, the quadratic part and the rest as in HR-NAS.
GROUP = Group('block/transformer', 'block/transformer/token_bn/gamma', 5, 10_000, True)


@pytest.fixture(scope='module')
def plain():
  return build(ARCH, HEAD, SHAPE)


@pytest.fixture(scope='module')
def with_tokens():
  return build(TOKENS, HEAD, SHAPE)


def test_a_group_costs_its_three_convolutions(plain):
  groups = {group.name: group for group in importance.groups_of(plain, ARCH, HEAD)}
  # 64 positions, 4 -> 8 -> 4 channels.
  group = groups['stage1/branch0/block0/k5']
  assert (group.units, group.macs) == (8, 64 * (4 * 8 + 25 * 8 + 8 * 4))
  assert group.unit_macs() == 64 * (4 + 25 + 4)
  # Stride 2: the expansion works on 64 positions, the rest on 16; 4 -> 8 -> 6 channels.
  group = groups['stage2/fuse/0to1/k3']
  assert group.macs == 64 * 4 * 8 + 16 * (9 * 8 + 8 * 6)
  assert (group.block, group.factor) == ('stage2/fuse/0to1', 'stage2/fuse/0to1/k3/factor_bn/gamma')


def test_groups_are_all_kernels_of_all_blocks_in_network_order(plain, with_tokens):
  names = [group.name for group in importance.groups_of(plain, ARCH, HEAD)]
  assert names[:4] == ['stage1/fuse/0to0/k3', 'stage1/fuse/0to0/k5', 'stage1/branch0/block0/k3', 'stage1/branch0/block0/k5']
  assert len(names) == 2 * 7
  tokens = [group for group in importance.groups_of(with_tokens, TOKENS, HEAD) if group.is_tokens]
  # Blocks that keep their shape: two in the first stage, fuse 0to0 in the second, both increases.
  assert len(tokens) == 5 and {group.units for group in tokens} == {5}
  assert tokens[0].macs == 64 * (4 + 2) * 5 + 64 * 5 * 4 + 2 * (6 * 64 * 64 * 5 + 2 * 64 * 25)


def test_penalties_are_relative_to_the_mean_weighted_by_units():
  found = (Group('a/k3', 'a', 2, 30, False), Group('b/k3', 'b', 4, 90, False))
  assert importance.normaliser(found) == 120 / 6
  assert importance.penalties(found, 20.0) == {'a/k3': 15 / 20, 'b/k3': 22.5 / 20}
  assert importance.normaliser(()) == 1.0


def test_a_token_s_penalty_follows_the_quadratic_cost_of_attention():
  linear = (10_000 - 128 * 25) / 5
  for count in range(6):
    expected = (linear + 128 * (count**2 - max(count - 1, 0) ** 2)) / 50
    assert importance.penalties((GROUP,), 50.0, {GROUP.name: count}) == {GROUP.name: pytest.approx(expected)}
  assert importance.penalties((GROUP,), 50.0) == importance.penalties((GROUP,), 50.0, {GROUP.name: 5})


def test_a_unit_is_alive_above_the_threshold_in_magnitude():
  found = importance.alive({'a': np.array([0.0, 1e-3, -1e-3, 1.1e-3, -2.0], np.float64)}, 1e-3)
  assert found['a'].tolist() == [False, False, False, True, True]
  assert importance.alive({'a': np.array([0.0, 1e-30])}, 0.0)['a'].tolist() == [False, True]


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('tokens', [False, True], ids=['plain', 'transformer'])
def test_surviving_macs_are_those_of_the_network_that_is_built_without_the_dead(plain, with_tokens, tokens, seed):
  model, arch = (with_tokens, TOKENS) if tokens else (plain, ARCH)
  groups, rng = importance.groups_of(model, arch, HEAD), np.random.default_rng(seed)
  alive = {group.name: rng.random(group.units) < rng.choice([0, 0.5, 1]) for group in groups}
  left = build(shrunk_arch(arch, HEAD, alive), HEAD, SHAPE)
  assert importance.MACS.total(cost.of(model).macs, groups, alive) == pytest.approx(cost.of(left).macs, abs=1e-3)


def test_with_all_alive_nothing_is_saved_and_with_none_every_group_is_gone(with_tokens):
  groups, total = importance.groups_of(with_tokens, TOKENS, HEAD), cost.of(with_tokens).macs
  assert importance.MACS.total(total, groups, {group.name: np.ones(group.units, bool) for group in groups}) == total
  assert importance.MACS.total(total, groups) == total
  nothing = {group.name: np.zeros(group.units, bool) for group in groups}
  assert importance.MACS.total(total, groups, nothing) == total - sum(group.macs for group in groups)


def test_a_latency_table_prices_groups_by_the_units_that_are_left(plain, tmp_path):
  groups = importance.groups_of(plain, ARCH, HEAD)
  file = write_table(tmp_path / 'table.json', ARCH, [group.name for group in groups], [(4, 1.0), (8, 3.0)], base=10.0)
  model = importance.cost_model(f'latency:{file}', ARCH, HEAD)
  assert model.symbol == 'ms'
  assert [model.group(groups[0], units) for units in (0, 2, 4, 6, 8)] == [0, 0.5, 1, 2, 3]
  assert model.total(0, groups) == 10 + 3 * len(groups)
  half = {group.name: np.arange(group.units) < 4 for group in groups}
  assert model.total(0, groups, half) == 10 + len(groups)
  mean = 3 * len(groups) / sum(group.units for group in groups)
  assert importance.normaliser(groups, model) == pytest.approx(mean)
  assert importance.penalties(groups, mean, model=model) == {group.name: pytest.approx(3 / group.units / mean) for group in groups}


def test_macs_and_latency_are_the_cost_models():
  assert importance.cost_model('macs', ARCH, HEAD) is importance.MACS
  with pytest.raises(LatencyError, match=r'A latency table is a file that .* has finished\. Received: nowhere\.json'):
    importance.cost_model('latency:nowhere.json', ARCH, HEAD)


def test_groups_of_a_graph_share_a_layer_that_both_lie_in():
  nodes = (networks.image(), networks.conv('a', 'image', 3, 4), networks.conv('b', 'a', 4, 8), networks.conv('c', 'b', 8, 2))
  graph = Graph(nodes, ('c',))
  curves = {'a': ((192,), (1.0,)), 'b': ((256, 512), (1.0, 4.0)), 'c': ((256,), (2.0,))}
  model = importance._of_layers(LatencyTable(graph, 'classification', {}, 0.25, 8.0, curves), graph)
  groups = importance.groups_of(None, graph, HEAD)
  assert [(group.name, group.units) for group in groups] == [('a', 4), ('b', 8)]
  # 'b' is half of either; with half of the units it has half of its MACs.
  assert [model.group(group, group.units) for group in groups] == [1.0 + 4.0 / 2, 4.0 / 2 + 2.0]
  assert model.group(groups[0], 2) == 0.5 + 1.0 / 2 and model.unit(groups[0], None) == 3.0 / 4
  assert model.total(960, groups) == 0.25 + 1.0 + 4.0 + 2.0
