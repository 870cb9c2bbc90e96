import tf_keras as keras

from st_tf.arch.graph import Graph
from st_tf.models import ends
from st_tf.models.graph import build_graph, graph_of
from tests import networks


def classifier(**named):
  image = keras.Input((8, 8, 3), name='image')
  x = keras.layers.Conv2D(4, 3, **named)(image)
  x = keras.layers.Dropout(0.1)(keras.layers.ReLU()(x + 1.0))
  return keras.Model(image, keras.layers.Dense(5, name='answers')(keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU()(x))))


def test_the_first_convolution_and_an_end_that_stays_get_their_names():
  graph = graph_of(classifier(name='first'))
  assert ends.of_ends(graph, keeps_end=True) == {'first': 'stem/first', 'answers': 'head/classifier'}
  again = ends.renamed(graph, ends.of_ends(graph, keeps_end=True))
  assert again.outputs == ('head/classifier',) and again.nodes[2].inputs == ('stem/first',)
  assert ends.of_ends(again, keeps_end=True) == {'head/classifier': 'head/classifier'}


def test_what_is_called_like_a_new_head_gets_another_name():
  graph = ends.renamed(graph_of(classifier(name='first')), {'answers': 'head/answers'})
  assert ends.of_ends(graph, keeps_end=False) == {'first': 'stem/first', 'head/answers': 'body/head/answers'}


def test_layers_that_keras_has_named_are_counted_in_their_graph():
  graphs = [graph_of(classifier()) for _ in range(2)]
  assert graphs[0] != graphs[1]
  tidy = [ends.renamed(graph, ends.of_unnamed(graph)) for graph in graphs]
  assert tidy[0] == tidy[1]
  names = [node.name for node in tidy[0].nodes]
  assert names == ['image', 'conv2d', 'rescaling', 're_lu', 'dropout', 're_lu_1', 'global_average_pooling2d', 'answers']


def test_a_layer_that_is_called_twice_keeps_one_name():
  nodes = (networks.image(4), networks.conv('conv2d_7', 'image', 4, 4), networks.conv('conv2d_7#2', 'conv2d_7', 4, 4))
  graph = Graph(nodes, ('conv2d_7#2',))
  graph = ends.renamed(graph, ends.of_unnamed(graph))
  assert [node.name for node in graph.nodes] == ['image', 'conv2d', 'conv2d#2'] and graph.outputs == ('conv2d#2',)


def test_nodes_of_a_kind_go_and_what_they_read_is_read_in_their_place():
  graph = graph_of(classifier())
  before = len(graph.nodes)
  graph = ends.without(graph, 'Dropout')
  assert len(graph.nodes) == before - 1 and all(node.kind != 'Dropout' for node in graph.nodes)
  assert build_graph(graph).output_shape == (None, 5)
  assert ends.without(graph, 'Dense').outputs == (graph.nodes[-2].name,)
