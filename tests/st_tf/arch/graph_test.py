import json

import pytest

from st_tf.arch.graph import INPUT, Graph, Node, call_name
from st_tf.arch.specs import SpecError
from tests import networks

IMAGE = Node('image', INPUT, {}, (), (None, None, 3))
CONV = Node('conv', 'Conv2D', {'filters': 4, 'strides': [2, 2]}, ('image',), (None, None, 4), {'kernel': (3, 3, 3, 4), 'bias': (4,)})


def test_a_graph_survives_json():
  graph = Graph((IMAGE, CONV), ('conv',))
  assert Graph.from_json(json.dumps(graph.to_json())) == graph
  assert graph['conv'] is CONV and graph.inputs == ('image',)


def test_a_second_call_has_a_name_of_its_own_and_the_same_layer():
  node = Node(call_name('conv', 1), 'Conv2D', {}, ('conv',), (4,))
  assert node.name == 'conv#2' and node.layer == 'conv' and call_name('conv', 0) == 'conv'


@pytest.mark.parametrize(
  'nodes, outputs, message',
  [
    ((IMAGE, CONV, CONV), ('conv',), 'names of their own. Received: conv'),
    ((CONV, IMAGE), ('conv',), 'after what it reads. Received: conv, which reads image'),
    ((IMAGE, CONV), ('end',), r'outputs are nodes of the graph. Received: \(.end.,\)'),
    ((IMAGE,), (), 'outputs are nodes'),
    ((IMAGE, Node('second', INPUT, {}, (), (3,)), CONV), ('conv',), 'one input. Received: .*second'),
  ],
)
def test_what_is_no_network_is_refused(nodes, outputs, message):
  with pytest.raises(SpecError, match=message):
    Graph(nodes, outputs)


def test_what_some_nodes_need_is_left():
  graph = networks.inverted().up_to('expand')
  assert [node.name for node in graph.nodes] == ['image', 'stem', 'expand'] and graph.outputs == ('expand',)


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"nodes": [{}], "outputs": []}', '{"nodes": 3, "outputs": ["a"]}'])
def test_other_json_is_refused(text):
  with pytest.raises(SpecError, match='A graph has the fields|outputs are nodes'):
    Graph.from_json(text)


@pytest.mark.parametrize(
  ('change', 'why'),
  [
    ({'config': {'kernel_initializer': {'module': 'os', 'class_name': 'system', 'config': 'ls'}}}, 'Settings of layers are numbers, words'),
    ({'config': {'axis': [[{'module': 'os'}]]}}, 'Settings of layers are numbers, words'),
    ({'config': []}, 'node 1.config is list, not an object'),
    ({'name': 5}, 'node 1.name is 5, not text'),
    ({'inputs': 'image'}, "node 1.inputs is 'image', not a list"),
    ({'shape': [[4]]}, 'not a whole number'),
    ({'weights': {'kernel': 5}}, 'node 1.weights.kernel is 5, not a list'),
  ],
)
def test_a_node_that_is_no_plain_data_is_refused(change, why):
  nodes = [
    {'name': 'image', 'kind': 'InputLayer', 'config': {}, 'inputs': [], 'shape': [4, 4, 3], 'weights': {}},
    {'name': 'dense', 'kind': 'Dense', 'config': {'units': 2}, 'inputs': ['image'], 'shape': [4, 4, 2], 'weights': {'kernel': [3, 2]}},
  ]
  whole = {'nodes': nodes, 'outputs': ['dense']}
  assert Graph.from_json(json.dumps(whole)).to_json() == Graph.from_json(whole).to_json()
  with pytest.raises(SpecError, match=why):
    Graph.from_json({**whole, 'nodes': [nodes[0], nodes[1] | change]})


def test_a_graph_of_more_layers_than_anybody_builds_is_refused():
  node = {'kind': 'ReLU', 'config': {}, 'inputs': [], 'shape': [4], 'weights': {}}
  with pytest.raises(SpecError, match=r'at most 20,000 nodes\. Received: 20,001'):
    Graph.from_json({'nodes': [node | {'name': str(number)} for number in range(20_001)], 'outputs': ['0']})
