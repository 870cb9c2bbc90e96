import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.arch.graph import Graph
from st_tf.arch.latency import LatencyTable
from st_tf.models.graph import graph_of, read
from st_tf.search import prices, scores
from st_tf.search.analysis import analyse
from st_tf.search.moments import deviations, moments
from tests import networks

SHAPE = (6, 6, 3)
RNG = np.random.default_rng(0)


@pytest.fixture(scope='module')
def model():
  """An expansion, a depthwise convolution, a projection with its norm onto a skip, and a classifier."""
  image = keras.Input(SHAPE, name='image')
  x = keras.layers.Conv2D(4, 1, name='stem')(image)
  y = keras.layers.ReLU(name='act')(keras.layers.Conv2D(8, 1, name='expand')(x))
  y = keras.layers.ReLU(6.0, name='depthwise_act')(keras.layers.DepthwiseConv2D(3, padding='same', name='depthwise')(y))
  y = keras.layers.BatchNormalization(name='norm')(keras.layers.Conv2D(4, 1, name='project')(y))
  x = keras.layers.Add(name='sum')([x, y])
  x = keras.layers.ReLU(name='last_act')(keras.layers.Conv2D(5, 1, name='last')(x))
  x = keras.layers.Dense(3, name='classifier')(keras.layers.GlobalAveragePooling2D()(x))
  built = keras.Model(image, x)
  for variable in built.variables:
    low = 0.3 if 'variance' in variable.name or 'gamma' in variable.name else -0.6
    variable.assign(RNG.uniform(low, 1.0, variable.shape))
  return built


@pytest.fixture(scope='module')
def images():
  return [tf.constant(RNG.normal(size=(count, *SHAPE)), tf.float32) for count in (4, 3)]


def fixed(score):
  return lambda: scores.Fixed(np.square(score))


def scored(channels, of_expand):
  """(the expansion, the last convolution, scores of all units): those of the last are the highest."""
  expand, last = scores.candidates(channels)
  score = np.zeros(channels.units)
  score[expand.ids], score[last.ids] = of_expand, 100
  return expand, last, score


def values(model):
  return {name: variable.numpy() for name, variable in read(model)[1].items()}


def test_a_score_is_the_deviation_times_the_column_with_the_norm_folded_in(model, images):
  graph = graph_of(model)
  channels, deviation, weights = analyse(graph), deviations(moments(model, graph, images)), values(model)
  (group,) = [group for group in channels.groups if group.name == 'expand']
  scale = weights['norm/gamma'] / np.sqrt(weights['norm/moving_variance'] + 1e-3)
  columns = np.sqrt(np.square(weights['project/kernel'][0, 0] * scale).sum(1))
  found = scores.scores(channels, weights, deviation)
  np.testing.assert_allclose(found[group.ids], deviation['depthwise_act'] * columns, rtol=1e-5)


def test_units_are_candidates_that_pass_an_activation_and_are_read_by_trained_layers(model):
  channels = analyse(graph_of(model))
  assert [group.name for group in scores.candidates(channels)] == ['expand', 'last']
  assert [group.name for group in scores.candidates(channels, fresh=['classifier'])] == ['expand']


def test_units_that_a_skip_joins_are_candidates_where_they_are_asked_for():
  graph = networks.inverted()
  graph = Graph((*graph.nodes, networks.conv('after', 'sum', 4, 5)), ('after',))
  assert scores.candidates(analyse(graph)) == ()
  (group,) = scores.candidates(analyse(graph), residual=True)
  assert group.makers == ('stem', 'project')
  kept = scores.least_valuable(analyse(graph), [group], fixed(np.arange(24.0)), 0)
  assert kept == {'stem': pytest.approx([False, False, False, True])}


def test_units_of_the_least_squared_score_per_mac_go_until_the_target_is_met(model):
  channels = analyse(graph_of(model))
  expand, last, score = scored(channels, [1, 2, 3, 4, 5, 6, 7, 8])
  kept = scores.least_valuable(channels, (expand, last), fixed(score), channels.macs() - 3 * channels.unit_macs(expand)[0])
  assert kept['expand'].tolist() == [False] * 3 + [True] * 5 and kept['last'].all()
  assert channels.macs(kept) == channels.macs() - 3 * channels.unit_macs(expand)[0]
  whole = scores.least_valuable(channels, (expand, last), fixed(score), channels.macs())
  assert all(units.all() for units in whole.values())


def test_what_goes_first_and_how_much_depend_on_what_is_charged_and_limited(model):
  channels = analyse(graph_of(model))
  groups = [group for group in channels.groups if group.name in ('expand', 'last')]
  score = np.ones(channels.units)
  # By MACs the units of 'expand' are dearer, by this table those of 'last'.
  macs = prices.layer_macs(channels)
  table = {'expand': 0.8, 'last': 5.0, 'classifier': 0.0}
  curves = {layer: ((macs[layer],), (time,)) for layer, time in table.items()}
  by_table = prices.milliseconds(LatencyTable(channels.graph, 'classification', {}, 1.0, 6.8, curves))
  kept = scores.least_valuable(channels, groups, fixed(score), 6.8 - 2.0, by_table, by_table)
  assert kept['expand'].all() and np.count_nonzero(kept['last']) == 3
  kept = scores.least_valuable(channels, groups, fixed(score), channels.macs() - 1)
  assert kept['last'].all() and np.count_nonzero(kept['expand']) == 7
  kept = scores.least_valuable(channels, groups, fixed(score), channels.macs() - 1, by_table)
  assert kept['expand'].all() and np.count_nonzero(kept['last']) == 4


def test_a_group_that_no_skip_goes_past_keeps_its_best_unit_whatever_is_asked(model):
  channels = analyse(graph_of(model))
  groups = scores.candidates(channels)
  kept = scores.least_valuable(channels, groups, fixed(np.arange(channels.units, dtype=float)), 0)
  assert {name: np.flatnonzero(units).tolist() for name, units in kept.items()} == {'expand': [], 'last': [4]}


def test_a_unit_that_says_nothing_goes_first(model, images):
  weights = values(model)
  weights['project/kernel'] = weights['project/kernel'].copy()
  weights['project/kernel'][:, :, 5] = 0
  graph = graph_of(model)
  channels = analyse(graph)
  (group,) = scores.candidates(channels, fresh=['classifier'])
  found = scores.scores(channels, weights, deviations(moments(model, graph, images)))
  kept = scores.least_valuable(channels, (group,), fixed(found), channels.macs() - 1)
  assert np.flatnonzero(~kept['expand']).tolist() == [5]


@pytest.mark.parametrize(
  ('count', 'multiple', 'pieces'),
  [(70, 8, [6, 8, 8, 8, 8, 8]), (33, 8, [1, 8, 4, 4, 4, 2, 2]), (9, 8, [1, 2, 1, 1, 1, 1, 1, 1]), (5, 1, [1, 1, 1, 1, 1]), (40, 2, [2, 2])],
)
def test_units_go_in_pieces_that_leave_multiples_and_smaller_ones_of_smaller_groups(count, multiple, pieces):
  found = []
  for _ in pieces:
    found.append(scores.piece(count, multiple))
    count -= found[-1]
  assert found == pieces


def test_multiples_are_left_of_the_units_that_are_worth_most(model):
  channels = analyse(graph_of(model))
  expand, last, score = scored(channels, [8, 1, 7, 2, 6, 3, 5, 4])
  target = channels.macs() - channels.unit_macs(expand)[0]
  kept = scores.least_valuable(channels, (expand, last), fixed(score), target, multiple=2)
  assert np.flatnonzero(kept['expand']).tolist() == [0, 2, 4, 5, 6, 7] and kept['last'].all() and channels.macs(kept) < target
  every = scores.least_valuable(channels, (expand, last), fixed(score), 0, multiple=8)
  assert every['expand'].sum() == 0 and every['last'].sum() == 1, 'a target is met whatever the multiple'


def test_what_goes_is_what_goes_one_by_one_where_any_number_is_wanted():
  graph = networks.inverted()
  channels = analyse(Graph((*graph.nodes, networks.conv('after', 'sum', 4, 5)), ('after',)))
  groups = scores.candidates(channels, residual=True)
  score = RNG.uniform(1, 2, channels.units)
  order, price = [], np.concatenate([channels.unit_macs(group) for group in groups])
  ids = np.concatenate([group.ids for group in groups])
  order = ids[np.argsort(np.square(score[ids]) / price)]
  for gone in range(1, len(ids)):
    alive = {group.name: ~np.isin(group.ids, order[:gone]) for group in groups}
    if all(units.any() for units in alive.values()):
      kept = scores.least_valuable(channels, groups, fixed(score), channels.macs(alive))
      assert {name: units.tolist() for name, units in kept.items()} == {name: units.tolist() for name, units in alive.items()}
