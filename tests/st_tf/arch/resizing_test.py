import pytest

from st_tf.arch.block_maps import BlockMap
from st_tf.arch.graph import Graph, Node
from st_tf.arch.repeats import Repeats
from st_tf.arch.resizing import Resizing
from st_tf.arch.specs import ArchSpec, BlockSpec, HeadSpec, SpecError, StageSpec
from st_tf.models import families
from tests.st_tf.arch.repeats_test import SMALL, chain, names


def test_a_copy_reads_what_the_block_before_it_gives_and_what_follows_reads_the_last():
  found = Resizing(Repeats.of(SMALL), (BlockMap((0, 1, 1)),))
  graph = found.of(SMALL)
  assert names(graph)[4:] == ['stage1/block1/a', 'stage1/block1/b', 'stage1/block2/a', 'stage1/block2/b', 'head']
  assert [node.inputs[0] for node in graph.nodes[4:]] == [
    'stage1/block0/b', 'stage1/block1/a', 'stage1/block1/b', 'stage1/block2/a', 'stage1/block2/b',
  ]  # fmt: skip
  assert found.copies('stage1/block1/a/kernel') == (('stage1/block1/a/kernel', 0), ('stage1/block2/a/kernel', 1))
  assert found.copies('stem/conv/kernel') == (('stem/conv/kernel', 0),)


def test_a_network_that_ends_with_its_run_ends_with_the_last_copy():
  graph = chain('stage1/block0/a', 'stage1/block1/a')
  assert Resizing(Repeats.of(graph), (BlockMap((0, 1, 1)),)).of(graph).outputs == ('stage1/block2/a',)
  assert Resizing(Repeats.of(graph), (BlockMap((0,)),)).of(graph).outputs == ('stage1/block0/a',)


def test_where_numbers_go_through_the_network_those_behind_a_run_move():
  large, graph = (2, 2, 16), chain('block0/a', 'block1/a', 'block2/a', 'block3/a')
  nodes = [*graph.nodes[:4], Node('block3/a', 'Conv2D', {}, ('block2/a',), large, {'kernel': (1, 1, 8, 16)})]
  nodes.append(Node('block4/a', 'Conv2D', {}, ('block3/a',), large, {'kernel': (1, 1, 16, 16)}))
  graph = Graph(tuple(nodes), ('block4/a',))
  repeats = Repeats.of(graph)
  assert [(run.name, len(run.blocks)) for run in repeats.runs] == [('blocks 0 to 2', 3), ('blocks 3 to 4', 2)]
  found = Resizing(repeats, (BlockMap((0, 1, 2, 1)), BlockMap((0,))))
  assert names(found.of(graph)) == ['image', *(f'block{number}/a' for number in range(5))]
  assert [place for place, _ in found.copies('block1/a/kernel')] == ['block1/a/kernel', 'block3/a/kernel']
  assert found.copies('block3/a/kernel') == (('block4/a/kernel', 0),) and found.copies('block4/a/kernel') == ()


SHAPED = [('mobilenet_v2:0.35', (2, 3, 4, 3, 3)), ('mobilenet:0.25', (6,)), ('efficientnet_lite0', (2, 2, 3, 3, 4))]


@pytest.mark.parametrize(('name', 'counts'), SHAPED)
def test_a_run_that_is_squeezed_to_one_block_stays_a_run(name, counts):
  graph = families.supernet(name, HeadSpec('classification', 3), (32, 32))
  repeats = Repeats.of(graph)
  assert repeats.counts == counts
  last, ones = BlockMap(tuple(range(counts[-1]))), (BlockMap((0,)),) * len(counts)
  for maps in (ones, (*ones[:-1], last)):
    again = Repeats.of(Resizing(repeats, maps).of(graph))
    assert again.counts == tuple(len(each.sources) for each in maps)
  assert again.depth_of((1,) * len(counts)) == (0 if name == 'mobilenet:0.25' else 1)


def test_blocks_that_are_gone_are_copied_as_nothing():
  found = Resizing(Repeats.of(SMALL), (BlockMap((0, 1, 1)),))
  left = chain('stem/conv', 'stage1/block0/a', 'stage1/block0/b', 'head')
  assert found.of(left) == left
  left = chain('stem/conv', 'stage1/block1/a', 'head')
  assert names(found.of(left))[2:] == ['stage1/block1/a', 'stage1/block2/a', 'head']


def test_branches_of_the_high_resolution_network_have_more_blocks_or_fewer_each_with_its_own_inner_width():
  arch = ArchSpec((StageSpec((1,), (4,)), StageSpec((0, 2), (4, 8))), head_channels=(4, 8))
  arch = arch.with_searched({'stage2/branch1/block1': BlockSpec(((3, 5),)), 'stage2/fuse/0to0': BlockSpec((), shift=True)})
  repeats = Repeats.of(arch)
  assert [(run.name, len(run.blocks), run.fixed) for run in repeats.runs] == [('stage1/branch0', 1, False), ('stage2/branch1', 2, False)]
  grown = Resizing(repeats, (BlockMap((0, 0)), BlockMap((1, 1, 0)))).of(arch)
  assert [stage.blocks for stage in grown.stages] == [(2,), (0, 3)]
  assert [name for name, _ in grown.searched] == ['stage2/branch1/block0', 'stage2/branch1/block1', 'stage2/fuse/0to0']
  assert Resizing(Repeats.of(grown), (BlockMap((0,)), BlockMap((2, 0)))).of(grown) == arch
  assert repeats.wanted(3) == (3, 3) and repeats.depth_of((3, 3)) == 3 and repeats.depth_of((1, 2)) == 0


def test_what_reads_a_block_within_a_run_is_refused():
  nodes = (*SMALL.nodes, Node('head/other', 'Conv2D', {}, ('stage1/block0/b',), (4, 4, 8)))
  with pytest.raises(SpecError, match='Only the last block of a run is read from elsewhere. Received: stage1/block0/b, which is'):
    Resizing(Repeats.of(SMALL), (BlockMap((0, 1, 1)),)).of(Graph(nodes, ('head', 'head/other')))
