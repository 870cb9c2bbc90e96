import dataclasses

import numpy as np
import pytest

from st_tf.arch.graph import Graph, Node
from st_tf.models.graph import build_graph, read
from st_tf.search import scores
from st_tf.search.analysis import analyse
from st_tf.search.factors import (
  SMALLEST,
  Factors,
  Reading,
  beginning,
  folded,
  keeping,
  point,
  readings,
  scaled,
  unfolded,
  unscaled,
)
from tests.networks import conv, drawn, image, inverted, node, stirred


def points(graph):
  channels = analyse(graph)
  return {group.name: point(channels, group) for group in channels.searchable()}


def gated(*between, reads='gate'):
  """An expansion, its activation, a squeeze-and-excite gate, and a projection; with `between`, nodes in front of the gate."""
  return Graph(
    (
      image(),
      conv('expand', 'image', 3, 6),
      node('act', 'ReLU', ('expand',), 6),
      *between,
      Node('pool', 'GlobalAveragePooling2D', {'keepdims': True}, (between[-1].name if between else 'act',), (1, 1, 6)),
      conv('squeeze', 'pool', 6, 2, side=1, activation='relu'),
      conv('excite', 'squeeze', 2, 6, side=1, activation='sigmoid'),
      node('gate', 'Multiply', ('act', 'excite'), 6),
      conv('project', reads, 6, 4),
    ),
    ('project',),
  )


def test_a_scale_sits_right_in_front_of_what_reads_its_units():
  assert points(inverted()) == {'expand': 'depthwise'}  # A linear depthwise convolution: behind it is as good, and behind its norm is last.
  pooled = Graph(
    (*inverted(False).nodes[:-1], node('pool', 'MaxPooling2D', ('depthwise',), 12), conv('project', 'pool', 12, 4)), ('project',)
  )
  assert points(pooled)['expand'] == 'pool'


def test_a_scale_sits_before_a_gate_splits_off():
  assert points(gated()) == {'expand': 'act', 'squeeze': 'squeeze'}


@pytest.mark.parametrize(
  'graph',
  [
    gated(node('shifted', 'BatchNormalization', ('act',), 6, weights=('gamma', 'beta'))),  # The gate reads what a norm has moved.
    Graph(  # Read as it is, and squared.
      (
        image(),
        conv('expand', 'image', 3, 6),
        node('act', 'ReLU', ('expand',), 6),
        node('square', 'Multiply', ('act', 'act'), 6),
        conv('project', 'square', 6, 4),
        conv('other', 'expand', 6, 4),
        node('both', 'Concatenate', ('project', 'other'), 8),
      ),
      ('both',),
    ),
  ],
)
def test_units_that_are_not_read_linearly_from_one_place_have_none(graph):
  assert points(graph)['expand'] == ''


def test_channels_that_are_made_several_of_a_unit_have_none():
  doubled = Node('depthwise', 'DepthwiseConv2D', {}, ('norm',), (4, 4, 24), {'depthwise_kernel': (3, 3, 12, 2)})
  norm = node('after', 'BatchNormalization', ('depthwise',), 24, weights=('gamma', 'beta'))
  first = inverted(False).nodes[:3]
  graph = Graph((*first, node('norm', 'ReLU', ('expand',), 12), doubled, norm, conv('project', 'after', 24, 4)), ('project',))
  assert points(graph)['expand'] == ''


def test_scales_come_into_a_graph_and_out_of_it():
  graph = gated()
  found, variables = scaled(graph, points(graph))
  assert variables == {'expand': 'act/factor/scale', 'squeeze': 'squeeze/factor/scale'}
  assert found['pool'].inputs == ('act/factor',) and found['gate'].inputs == ('act/factor', 'excite')
  assert found['excite'].inputs == ('squeeze/factor',) and found['act/factor'].weights == {'scale': (6,)}
  assert unscaled(found) == graph and unscaled(graph) is graph
  assert {group.name: group.units for group in analyse(found).groups} == {group.name: group.units for group in analyse(graph).groups}
  left = analyse(found).shrunk({'expand': np.arange(6) < 2})
  assert left['act/factor'].weights == {'scale': (2,)}


def test_a_kernel_knows_by_what_its_channels_are_scaled():
  parts = (image(), conv('one', 'image', 3, 2, activation='relu'), conv('two', 'image', 3, 3, activation='relu'))
  graph = Graph((*parts, node('both', 'Concatenate', ('one', 'two'), 5), conv('last', 'both', 5, 4)), ('last',))
  found = readings(analyse(scaled(graph, {'two': 'two'})[0]))
  assert list(found) == ['last/kernel']
  scale = found['last/kernel'].of({'two/factor/scale': np.float32([2, 3, 4])})
  np.testing.assert_array_equal(scale.reshape(-1), [1, 1, 2, 3, 4])
  assert scale.shape == (1, 1, 5, 1) and readings(analyse(graph)) == {}


def test_taking_in_is_the_inverse_of_dividing():
  found = {'k': Reading(('s',), np.array([1, 0, 2]), (3, 1))}
  values = {'k': np.float32([[1, 2], [3, 4], [5, 6]]), 'other': np.float32([7])}
  divided = unfolded(found, values, {'s': np.float32([0.5, 2])})
  np.testing.assert_array_equal(divided['k'], [[2, 4], [3, 4], [2.5, 3]])
  back = folded(found, divided)
  assert set(back) == set(values) and all(np.array_equal(back[name], values[name]) for name in values)


@pytest.mark.parametrize('seed', range(6))
def test_random_networks_keep_their_function_with_scales_and_without(seed):
  rng = np.random.default_rng(seed)
  model = stirred(drawn(seed), rng)
  graph, variables = read(model)
  found, scales = scaled(graph, {name: at for name, at in points(graph).items() if at})
  given = {name: rng.uniform(0.1, 3, found[name.removesuffix('/scale')].shape[-1]).astype(np.float32) for name in scales.values()}
  reading, values = readings(analyse(found)), {name: variable.numpy() for name, variable in variables.items()}
  begun = build_graph(found)
  for name, value in unfolded(reading, values, given).items():
    read(begun)[1][name].assign(value)
  pictures = rng.normal(size=(3, 12, 12, 3)).astype(np.float32)
  expected = model(pictures).numpy()
  np.testing.assert_allclose(begun(pictures), expected, atol=1e-5 * max(np.abs(expected).max(), 1))
  # Units whose scale is zero leave no constant.
  dead = {name: np.where(rng.random(len(value)) < 0.3, 0, value).astype(np.float32) for name, value in given.items()}
  ended = build_graph(graph)
  for name, value in dead.items():
    read(begun)[1][name].assign(value)
  for name, value in folded(reading, unfolded(reading, values, given) | dead).items():
    read(ended)[1][name].assign(value)
  np.testing.assert_allclose(begun(pictures), ended(pictures), atol=1e-5 * max(np.abs(expected).max(), 1))


def test_scales_begin_with_scores_over_their_mean_and_away_from_zero():
  channels = analyse(inverted())
  (group,) = channels.searchable()
  score = np.zeros(channels.units)
  score[group.ids] = [0, 12, 24, *[12] * 9]
  begun = beginning([group], score)['expand']
  np.testing.assert_allclose(begun, [SMALLEST, 1, 2, *[1] * 9])
  assert begun.dtype == np.float32
  np.testing.assert_allclose(beginning([group], np.zeros(channels.units))['expand'], SMALLEST)


def test_a_group_that_no_skip_goes_past_keeps_its_strongest_unit():
  values, none = {'expand': np.float32([0, 0.1, -0.3, *[0] * 9])}, {'expand': np.zeros(12, bool)}
  assert np.flatnonzero(keeping(analyse(inverted(False)), none, values)['expand']).tolist() == [2]
  assert not keeping(analyse(inverted()), none, values)['expand'].any()
  some = {'expand': np.arange(12) < 3}
  assert np.array_equal(keeping(analyse(inverted()), some, values)['expand'], some['expand'])


def test_only_some_units_are_pushed():
  factors = Factors({'one': 'a/scale', 'two': 'b/gamma'}, {'one': (0, 2), 'two': ()})
  survivors = {'one': [0, 1, 2], 'two': [4]}
  assert {name: units.tolist() for name, units in factors.pushed(survivors).items()} == {'one': [True, False, True], 'two': [False]}
  assert {name: value.tolist() for name, value in factors.of_units({'one': 0.5, 'two': 2}, survivors).items()} == {
    'one': [0.5, 0, 0.5],
    'two': [0],
  }
  steered = factors.steered({'one': np.array([1.0, 0, 3]), 'two': np.array([5.0])}, survivors, 1e-3)
  assert {name: value.tolist() for name, value in steered.items()} == {'one': [1, 0, 3], 'two': []}
  assert Factors.from_json(factors.to_json()) == factors and factors.norms == {'two': 'b'}
  assert dataclasses.replace(factors, variables={'one': 'a/scale'}).norms == {}


def test_candidates_are_those_of_scores():
  channels = analyse(gated())
  assert {group.name for group in scores.candidates(channels)} == set(points(gated()))
