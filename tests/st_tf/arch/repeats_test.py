import pytest

from st_tf.arch.genome import Block, Genome, Site
from st_tf.arch.graph import Graph, Node
from st_tf.arch.presets import PRESETS
from st_tf.arch.repeats import Repeats, resnet_blocks, vgg_blocks
from st_tf.arch.specs import ArchSpec, HeadSpec, SpecError, StageSpec
from st_tf.models import families, mobile


def chain(*names, shape=(4, 4, 8), before='image'):
  """A graph of layers one after the other."""
  nodes = [Node('image', 'InputLayer', {}, (), shape)]
  for name in names:
    nodes.append(Node(name, 'Conv2D', {}, (before,), shape, {'kernel': (1, 1, 8, 8)}))
    before = name
  return Graph(tuple(nodes), (before,))


def names(graph):
  return [node.name for node in graph.nodes]


SMALL = chain('stem/conv', 'stage1/block0/a', 'stage1/block0/b', 'stage1/block1/a', 'stage1/block1/b', 'head')


def test_blocks_of_published_depths():
  assert [resnet_blocks(depth) for depth in (20, 32, 44, 56)] == [(3,) * 3, (5,) * 3, (7,) * 3, (9,) * 3]
  assert [sum(vgg_blocks(depth)) for depth in (11, 13, 16, 19)] == [8, 10, 13, 16]


@pytest.mark.parametrize('depth', [21, 0, -20, 9999])
def test_a_depth_that_is_none_of_the_family_is_refused(depth):
  with pytest.raises(SpecError, match=f'Depths of cifar_resnet are 8, 14, 20, .*110. Received: --target_depth={depth}. Take one of them'):
    Repeats.of(SMALL).wanted(depth)


def test_any_number_of_blocks_is_a_depth_where_the_family_has_none_of_its_own():
  with pytest.raises(SpecError, match='network are 1 and more, blocks of every run. Received: --target_depth=-1'):
    Repeats.of(PRESETS['tiny']).wanted(-1)


def test_networks_without_blocks_that_repeat_are_refused():
  with pytest.raises(SpecError, match=r'known of cifar_resnet, cifar_vgg, .* Received: layers such as a, b\.'):
    Repeats.of(chain('a', 'b'))
  with pytest.raises(SpecError, match='Received: a supernet whose branches have none'):
    Repeats.of(ArchSpec((StageSpec((0,), (4,)),), head_channels=(4,)))
  with pytest.raises(SpecError, match='and no two blocks of it have one shape'):
    Repeats.of(chain('block0/a'))


def test_blocks_that_change_the_shape_or_read_from_elsewhere_are_refused():
  nodes = [*chain('stage1/block0/a').nodes, Node('stage1/block1/a', 'Conv2D', {}, ('stage1/block0/a',), (2, 2, 8))]
  with pytest.raises(SpecError, match=r'give maps of the shape that they read. Received: stage1/block1/a ... .*\(4, 4, 8\) to \(2, 2, 8\)'):
    Repeats.of(Graph(tuple(nodes), ('stage1/block1/a',)))
  nodes[-1] = Node('stage1/block1/a', 'Add', {}, ('stage1/block0/a', 'image'), (4, 4, 8))
  with pytest.raises(
    SpecError, match='Blocks read what the one before them gives. Received: stage1/block1/a, which reads image, stage1.* stays as it is'
  ):
    Repeats.of(Graph(tuple(nodes), ('stage1/block1/a',)))


GENOME = Genome(
  4,
  (
    (Block(3, 8, 4, False, 'relu', False), Block(5, 12, 4, False, 'hard_swish', True), Block(3, 12, 8, False, 'relu', False)),
    (Block(3, 16, 8, False, 'relu', True), Block(3, 12, 8, True, 'relu', True)),
  ),
  8,
)


def test_blocks_of_an_evolved_network_are_runs_within_their_stage_where_they_have_one_width():
  repeats = Repeats.of(mobile.graph(GENOME, Site.of((2, 2, 1), (32, 32), HeadSpec('classification', 3))))
  assert [(run.name, run.blocks) for run in repeats.runs] == [
    ('s0 blocks 0 to 1', (('s0', 0), ('s0', 1))),
    ('s1 blocks 0 to 1', (('s1', 0), ('s1', 1))),
  ]
  assert repeats.naming.kind == 'menas' and repeats.wanted(3) == (3, 3)


@pytest.mark.parametrize(('name', 'layer'), [('resnet50_v2', 'conv'), ('densenet121', 'conv')])
def test_what_is_named_like_others_and_is_built_in_another_way_is_not_known(name, layer):
  with pytest.raises(SpecError, match=f'Blocks that repeat are known of .* by the names of their layers. Received: .*{layer}'):
    Repeats.of(families.supernet(name, HeadSpec('classification', 3), (32, 32)))
