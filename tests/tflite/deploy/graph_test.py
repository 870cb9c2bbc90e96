"""Graphs are rewritten without losing what somebody reads."""

import numpy as np

from tests.graphs import act, add, conv, graph, image
from tflite.deploy.graph import until_done

DOUBLED = 2 * np.eye(3)


def test_readers_are_those_that_name_it():
  found = graph(image(), conv('a', 'image', DOUBLED), act('b', 'a', 3), add('c', ('a', 'b'), 3))
  assert [node.name for node in found.readers('a')] == ['b', 'c']
  assert found.sole_reader('a') is None and found.sole_reader('b').name == 'c'
  assert found.sole_reader('c') is None, 'the output has a reader outside'
  twice = graph(image(), conv('a', 'image', DOUBLED), add('b', ('a', 'a'), 3))
  assert twice.sole_reader('a') is None


def test_replacing_renames_through_several_steps_and_drops_what_nobody_reads():
  found = graph(image(), conv('a', 'image', DOUBLED), act('b', 'a', 3), act('c', 'b', 3))
  smaller = found.replaced({'b': (), 'c': ()}, {'c': 'b', 'b': 'a'})
  assert [node.name for node in smaller.nodes] == ['image', 'a'] and smaller.output == 'a'
  bypassed = found.replaced({}, {'b': 'image'})
  assert [node.name for node in bypassed.nodes] == ['image', 'c']
  assert bypassed['c'].inputs == ('image',)


def test_a_node_having_something_else_keeps_the_rest():
  node = conv('a', 'image', DOUBLED, pad=0)
  other = node.having(name='b', bias=np.ones(3), stride=2)
  assert (other.name, other['stride'], other['pad'], other.shape) == ('b', 2, 0, node.shape)
  assert np.array_equal(other['kernel'], node['kernel']) and np.array_equal(other['bias'], np.ones(3)) and not node['bias'].any()


def test_pointwise_is_a_1x1_convolution_of_stride_1():
  assert conv('a', 'image', DOUBLED).is_pointwise
  assert not conv('a', 'image', DOUBLED, stride=2).is_pointwise
  assert not conv('a', 'image', np.ones((3, 3, 3, 3))).is_pointwise and not act('a', 'image', 3).is_pointwise


def test_a_step_is_repeated_until_it_finds_nothing():
  assert until_done(lambda value: value - 3 if value > 3 else None, 10) == 1
