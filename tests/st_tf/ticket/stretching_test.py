import dataclasses
import itertools

import numpy as np
import pytest

from st_tf.arch.block_maps import ORDERS
from st_tf.arch.genome import Site
from st_tf.arch.graph import Graph
from st_tf.arch.presets import PRESETS
from st_tf.arch.repeats import Repeats
from st_tf.arch.specs import BlockSpec, HeadSpec, SpecError, StageSpec
from st_tf.models import build, families, mobile, named_variables
from st_tf.models.graph import build_graph, graph_of
from st_tf.search.units import all_of
from st_tf.ticket.stretching import resizing, stretched
from tests import tiny
from tests.st_tf.arch.repeats_test import GENOME

HEAD = HeadSpec('classification', 3)
SMALL = [('cifar_resnet', (8, 14, 20)), ('cifar_vgg', (11, 13, 16)), ('mobilenet:0.25', (1, 2, 5))]
LARGE = [('cifar_resnet', (20, 32, 44, 56)), ('cifar_vgg', (11, 13, 16, 19)), ('mobilenet:0.25', (3, 5, 7, 10))]
ARCH = dataclasses.replace(tiny.SPECK, stages=(StageSpec((2,), (4,)),))


def network(name: str) -> Graph:
  return families.supernet(name, HEAD, (32, 32))


def shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
  return {f'{node.layer}/{short}': shape for node in graph.nodes for short, shape in node.weights.items()}


@pytest.mark.parametrize(
  ('family', 'depths'), [*SMALL, *(pytest.param(*each, marks=pytest.mark.slow) for each in LARGE)], ids=lambda value: str(value)
)
def test_every_pair_of_depths_of_every_family_covers_every_tensor_of_the_target(family, depths):
  networks = {depth: network(f'{family}:{depth}') for depth in depths}
  for (before, source), (after, target) in itertools.permutations(networks.items(), 2):
    if family == 'cifar_vgg' and before == 11 or family == 'cifar_resnet' and before == 8:
      with pytest.raises(SpecError, match=r'Block 0 of stage1 is never copied, .* of a source with 1'):
        resizing(source, after)
      continue
    for order in ORDERS:
      found = resizing(source, after, order=order)
      assert found.of(source) == target
      assert {place: shape for name, shape in shapes(source).items() for place, _ in found.copies(name)} == shapes(target)
      assert found == resizing(source, order=order, target=target)
      maps = ' | '.join(map(str, found.maps))
      assert found == resizing(source, block_map=maps) == resizing(source, after, block_map=maps)


@pytest.mark.parametrize('name', ['mobilenet_v2:0.35', pytest.param('efficientnet_lite0', marks=pytest.mark.slow)])
def test_repeated_blocks_of_mobile_networks_are_stretched_and_squeezed(name):
  source = network(name)
  grown = resizing(source, 4)
  assert Repeats.of(grown.of(source)).counts == (4,) * 5
  assert {place: shape for name, shape in shapes(source).items() for place, _ in grown.copies(name)} == shapes(grown.of(source))
  assert graph_of(build_graph(grown.of(source))) == grown.of(source)
  one = resizing(source, 1).of(source)
  assert Repeats.of(one).counts == (1,) * 5 and graph_of(build_graph(one)) == one
  assert resizing(grown.of(source), 1).of(grown.of(source)) == one == resizing(source, target=one).of(source)
  with pytest.raises(SpecError, match='is never copied, .* of a source with 1'):
    resizing(one, 2)
  part = resizing(source, block_map='0:0||||').of(source)
  assert Repeats.of(part).counts == (1, *Repeats.of(source).counts[1:])
  left = resizing(grown.of(source), 2, order='appending').of(grown.of(source))
  assert left == resizing(source, 2, order='appending').of(source) and len(left.nodes) < len(source.nodes)


@pytest.mark.parametrize(
  ('name', 'counts'),
  [
    ('mobilenet_v3_small:0.75', (2, 3, 2, 3)),
    pytest.param('mobilenet_v3_small_minimalistic', (2, 3, 2, 3), marks=pytest.mark.slow),
    pytest.param('mobilenet_v3_large_minimalistic', (2, 3, 4, 2, 3), marks=pytest.mark.slow),
    pytest.param('mobilenet_v3_large', (2, 3, 4, 2, 3), marks=pytest.mark.slow),
  ],
)
def test_blocks_of_mobilenet_v3_are_stretched_and_squeezed_with_their_activations(name, counts):
  source = network(name)
  assert Repeats.of(source).counts == counts
  grown = resizing(source, 4).of(source)
  assert Repeats.of(grown).counts == (4,) * len(counts) and graph_of(build_graph(grown)) == grown
  back = resizing(grown, target=source).of(grown)
  assert back == source
  one = resizing(source, 1).of(source)
  assert Repeats.of(one).counts == (1,) * len(counts) and resizing(source, target=one).of(source) == one
  found = resizing(source, 2)
  assert {place: shape for name, shape in shapes(source).items() for place, _ in found.copies(name)} == shapes(found.of(source))


def test_an_evolved_network_is_stretched_and_squeezed():
  source = mobile.graph(GENOME, Site.of((2, 2, 1), (16, 16), HEAD))
  found = resizing(source, 4)
  grown = found.of(source)
  assert [len(run.blocks) for run in Repeats.of(grown).runs] == [4, 4] and graph_of(build_graph(grown)) == grown
  assert {place: shape for name, shape in shapes(source).items() for place, _ in found.copies(name)} == shapes(grown)
  assert resizing(grown, 2).of(grown) == source


@pytest.fixture(scope='module')
def winner():
  return tiny.winner(tiny.task(), families.supernet('cifar_resnet:14', tiny.task().head, (8, 8)))


def test_kernels_masks_and_batch_norms_are_copied_and_the_rest_is_as_it_was(winner):
  found = resizing(winner.supernet, 20)
  result = stretched(winner, found, winner.early.values)
  for mine, theirs in (('block0', 'block0'), ('block1', 'block1'), ('block2', 'block1')):
    for rest in ('conv0/kernel', 'bn1/gamma', 'bn1/moving_mean', 'bn0/moving_variance'):
      name, source = f'stage2/{mine}/{rest}', f'stage2/{theirs}/{rest}'
      np.testing.assert_array_equal(result.values[name], winner.early.values[source])
      if rest == 'conv0/kernel':
        np.testing.assert_array_equal(result.masks[name], winner.masks[source])
  for name in ('stem/conv/kernel', 'stem/bn/moving_variance', 'head/classifier/kernel', 'head/classifier/bias'):
    np.testing.assert_array_equal(result.values[name], winner.early.values[name])
  assert result.arch == result.supernet == families.supernet('cifar_resnet:20', winner.head, (8, 8))


@pytest.mark.parametrize('order', ORDERS)
def test_what_was_stretched_is_the_source_again_bit_for_bit_when_it_is_squeezed(winner, order):
  there = stretched(winner, resizing(winner.supernet, 20, order=order), winner.early.values)
  larger = dataclasses.replace(winner, arch=there.arch, supernet=there.supernet, masks=there.masks, survivors=there.survivors)
  back = stretched(larger, resizing(there.supernet, 14, order=order), there.values)
  assert back.arch == winner.arch and back.values.keys() == winner.early.values.keys() and back.masks.keys() == winner.masks.keys()
  assert all(np.array_equal(value, winner.early.values[name]) for name, value in back.values.items())
  assert all(np.array_equal(mask, winner.masks[name]) for name, mask in back.masks.items())


def test_the_control_shuffles_the_masks_of_all_copies_but_the_first(winner):
  found = resizing(winner.supernet, 20)
  plain, shuffled, again, other = (stretched(winner, found, winner.early.values, seed) for seed in (None, 3, 3, 4))
  for name, mask in plain.masks.items():
    copy = 'block2' in name
    assert np.array_equal(mask, shuffled.masks[name]) != copy, name
    assert mask.sum() == shuffled.masks[name].sum() and np.array_equal(shuffled.masks[name], again.masks[name])
  assert any(not np.array_equal(mask, other.masks[name]) for name, mask in shuffled.masks.items())
  assert all(np.array_equal(value, shuffled.values[name]) for name, value in plain.values.items())


def test_a_superticket_is_stretched_with_blocks_of_their_own_inner_width():
  arch = ARCH.with_searched({'stage1/branch0/block0': BlockSpec(((3, 3),)), 'stage1/branch0/block1': BlockSpec((), shift=True)})
  ticket = dataclasses.replace(tiny.untrained(tiny.task(), arch), supernet=ARCH, survivors={'stage1/branch0/block0/k3': [0, 2, 5]})
  found = resizing(ARCH, 3)
  result = stretched(ticket, found, ticket.weights)
  assert dict(result.arch.searched) == {f'stage1/branch0/block{n}': BlockSpec(((3, 3),)) for n in (0, 1)} | {
    'stage1/branch0/block2': BlockSpec((), shift=True)
  }
  assert result.supernet == dataclasses.replace(ARCH, stages=(StageSpec((3,), (4,)),))
  assert result.survivors == {f'stage1/branch0/block{n}/k3': [0, 2, 5] for n in (0, 1)}
  assert str(found.maps[0]) == '0:0,1; 1:2'
  model = build(result.arch, ticket.head, ticket.input_shape)
  assert named_variables(model).keys() == result.values.keys()


def test_blocks_of_a_searched_chain_are_refused_where_widths_differ():
  task = tiny.task()
  chain = families.supernet('cifar_vgg:13', task.head, (16, 16))
  nodes = tuple(
    dataclasses.replace(node, config={**node.config, 'filters': 40}) if node.name == 'stem/conv' else node for node in chain.nodes
  )
  narrow = graph_of(build_graph(Graph(nodes, chain.outputs), (16, 16, 3)))
  weights = {name: np.zeros(shape, np.float32) for name, shape in shapes(narrow).items()}
  ticket = dataclasses.replace(tiny.untrained(task), arch=narrow, supernet=chain, input_shape=(16, 16, 3), weights=weights, masks={})
  with pytest.raises(SpecError, match=r'fits where it stands. Received: stage1/conv2/conv/kernel of \(3, 3, 40, 64\), where'):
    stretched(ticket, resizing(chain, block_map='0:0; 1:1,2 ||||'), weights)


def test_survivors_of_a_searched_graph_are_those_of_its_copies():
  graph = families.supernet('cifar_resnet:14', HEAD, (8, 8))
  found = resizing(graph, 20)
  survivors = all_of(graph, ())
  after = {place: units for name, units in survivors.items() for place, _ in found.copies(name)}
  assert after == all_of(found.of(graph), ())


def test_what_contradicts_itself_is_refused(winner):
  vgg = network('cifar_vgg:13')
  cases = [
    ({}, 'A depth, a map or a network says what becomes of a ticket. Received: none'),
    ({'depth': 15}, 'Depths of cifar_resnet are 8, 14, 20'),
    ({'depth': 20, 'block_map': '0:0; 1:1'}, r'Received: --target_depth=20, which is 3, 3, 3 blocks, and a map to 2, 2, 2. Leave out one'),
    ({'block_map': '0:0; 1:1,3'}, 'A map covers all places'),
    ({'depth': 14}, 'becomes one of another depth. Received: 2, 2, 2 blocks, which it has already. Take another depth, or .*=fine_tune'),
    ({'block_map': '||'}, 'Received: 2, 2, 2 blocks, which it has already'),
    ({'block_map': '0:0; 1:1'}, 'Received: 2, 2, 2 blocks, which it has already'),
    ({'target': winner.supernet}, 'Received: 2, 2, 2 blocks, which it has already'),
    (
      {'target': vgg},
      'a source of cifar_resnet with 3 runs of blocks, and --supernet of cifar_vgg with 5. Take a source of that',
    ),
    (
      {'depth': 20, 'target': winner.supernet},
      '--supernet is the network that the source becomes. Received: another one than cifar_resn',
    ),
    ({'target': PRESETS['tiny']}, 'and --supernet of the high-resolution network with 3'),
  ]
  for settings, message in cases:
    with pytest.raises(SpecError, match=message):
      resizing(winner.supernet, **settings)


def test_a_variable_without_a_value_is_no_cover(winner):
  values = {name: value for name, value in winner.early.values.items() if name != 'stage3/block1/bn1/moving_mean'}
  with pytest.raises(SpecError, match=r'Received: stage3/block1/bn1/moving_mean of nothing, where \(64,\) is needed'):
    stretched(winner, resizing(winner.supernet, 20), values)


def test_a_network_too_deep_for_keras_is_refused(winner, monkeypatch):
  def too_deep(*args):
    raise RecursionError

  monkeypatch.setattr('st_tf.ticket.stretching.build', too_deep)
  with pytest.raises(SpecError, match='Received: a deeper one. Take fewer blocks'):
    stretched(winner, resizing(winner.supernet, 110), winner.early.values)
