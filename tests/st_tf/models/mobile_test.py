"""The networks of genomes are what arithmetic says, and graphs like any other."""

import random

import numpy as np
import pytest

from st_tf.arch.genome import Block, Genome, Site, looked_at, price
from st_tf.arch.graph import Graph
from st_tf.arch.spaces import SPACES
from st_tf.arch.specs import HeadSpec
from st_tf.models import build, cost, mobile
from st_tf.models.graph import build_graph, read
from st_tf.search import moments
from st_tf.search.analysis import analyse

SPACE = SPACES['mobilenet3_mt_tiny']
# Every kind of block: with and without gate and skip, each kernel, both activations.
EACH = Genome(
  4,
  ((Block(3, 8, 4, True, 'relu', True), Block(5, 12, 8, False, 'hard_swish', False)), (Block(7, 4, 8, True, 'hard_swish', False),)),
  8,
)
CLASSES, MAPS = HeadSpec('classification', 3), HeadSpec('dense', 4)


@pytest.mark.parametrize(('size', 'head'), [((8, 8), CLASSES), ((19, 33), CLASSES), ((32, 24), MAPS)])
def test_a_network_costs_what_arithmetic_says_and_is_the_graph_that_keras_would_read(size, head):
  site = Site.of(SPACE.strides, size, head)
  graph = mobile.graph(EACH, site)
  model = build(graph, head, (*size, 3))
  found, expected = cost.of(model), price(EACH, site)
  assert (found.params, found.macs) == (expected.params, expected.macs) and analyse(graph).macs() == found.macs
  assert moments.macs(graph) == looked_at(EACH, site)
  assert read(build_graph(graph))[0] == graph == Graph.from_json(graph.to_json())
  assert model.output_shape[-1] == head.outputs


def test_of_random_genomes_the_costs_are_the_same():
  space = SPACES['mobilenet3_mt_small']
  site = Site.of(space.strides, (24, 24), CLASSES)
  genome = space.sample(random.Random(5))
  graph = mobile.graph(genome, site)
  assert analyse(graph).macs() == price(genome, site).macs and moments.macs(graph) == looked_at(genome, site)
  assert sum(np.prod(shape) for shape in trained(graph)) == price(genome, site).params


def trained(graph: Graph) -> list[tuple[int, ...]]:
  moving = ('moving_mean', 'moving_variance')
  return [shape for node in graph.nodes for name, shape in node.weights.items() if name not in moving and len(shape)]


def test_the_widths_of_a_network_are_those_of_its_genome():
  graph = mobile.graph(EACH, Site.of(SPACE.strides, (8, 8), CLASSES))
  widths = mobile.widths(graph)
  assert widths == {
    **{'stem': 4, 's0b0/hidden': 8, 's0b0/width': 4, 's0b1/hidden': 12, 's0b1/width': 8, 's1b0/hidden': 4, 's1b0/width': 8},
    'last': 8,
  }
  assert EACH.narrowed(widths) == EACH


def test_all_units_but_those_of_both_ends_may_go_and_those_along_a_skip_go_together():
  channels = analyse(mobile.graph(EACH, Site.of(SPACE.strides, (8, 8), CLASSES)))
  groups = {group.name: group for group in channels.groups}
  assert {name for name, group in groups.items() if group.held_by} == {'image', 'head/classifier'}
  assert groups['stem/conv'].makers == ('stem/conv', 's0b0/project') and groups['stem/conv'].is_residual
  assert groups['s0b0/expand'].makers == ('s0b0/expand', 's0b0/gate/excite')


def test_strides_are_padded_alike_on_all_sides():
  graph = mobile.graph(EACH, Site.of(SPACE.strides, (32, 32), CLASSES))
  strided = [node for node in graph.nodes if node.config.get('strides') in ([2, 2], (2, 2))]
  assert len(strided) == 2 and all(graph[node.inputs[0]].kind == 'ZeroPadding2D' for node in strided)
