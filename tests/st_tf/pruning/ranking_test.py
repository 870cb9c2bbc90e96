"""Rankings by hand, and exact for every count."""

import math

import numpy as np
import pytest

from st_tf.errors import UserError
from st_tf.pruning.mask import Mask
from st_tf.pruning.ranking import RankingError, lamp, rank, rank_connected, thresholds

SHAPES = {
  'one layer': {'a': (10, 10)},
  'a small one beside a large one': {'a': (3, 3, 8, 1), 'b': (1, 1, 16, 40), 'c': (7,)},
  'many': {f'layer{i}': (1, 1, 3 + i, 5) for i in range(9)},
}


def random_scores(shapes):
  rng = np.random.default_rng(0)
  return {name: np.abs(rng.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()}


def scores(**values):
  return {name: np.array(value, np.float32) for name, value in values.items()}


def kept(mask):
  return {name: value.astype(int).tolist() for name, value in mask.items()}


@pytest.mark.parametrize('ranking', ['global', 'lamp', 'layer', 'erk'])
@pytest.mark.parametrize('shapes', SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize('sparsity', [0.0, 0.001, 0.1, 0.25, 0.29, 0.3, 0.5, 0.57, 0.7, 0.9, 0.95])
def test_exactly_the_wanted_number_of_weights_is_pruned(sparsity, shapes, ranking):
  mask = rank(random_scores(shapes), sparsity, ranking, 0.01)
  exact = math.floor(round(sparsity * 1000) * mask.size / 1000)  # In whole numbers: 0.29 * 100 is 28.999999999999996.
  assert mask.zeros == exact
  assert {name: value.shape for name, value in mask.items()} == shapes


def test_29_percent_of_a_hundred_is_29():
  assert rank(random_scores({'a': (100,)}), 0.29).zeros == 29


def test_a_global_ranking_keeps_the_largest_wherever_they_are():
  mask = rank(scores(a=[5, 1, 6], b=[[2, 8, 3]]), 0.5)
  assert kept(mask) == {'a': [1, 0, 1], 'b': [[0, 1, 0]]}


def test_a_ranking_by_macs_asks_more_of_weights_that_cost_more():
  scores = {'early': np.asarray([4.0, 9.0, 2.0]), 'late': np.asarray([3.0, 2.5, 0.5])}
  mask = rank(scores, 0.5, 'macs', prices={'early': 4.0, 'late': 1.0})  # 2, 4.5, 1; 3, 2.5, 0.5.
  assert mask['early'].tolist() == [False, True, False] and mask['late'].tolist() == [True, True, False]
  assert rank(scores, 0.5)['early'].tolist() == [True, True, False]
  with pytest.raises(RankingError, match='Received: --ranking=macs where no network'):
    rank(scores, 0.5, 'macs')


def test_lamp_scores_by_hand_on_four_numbers():
  # Squares 9, 1, 4, 16; of those no smaller 25, 30, 29, 16.
  np.testing.assert_allclose(lamp(np.array([3.0, 1, 2, 4])), [9 / 25, 1 / 30, 4 / 29, 1])
  np.testing.assert_allclose(lamp(np.array([[2.0, 1], [1, 0]])), [[1, 1 / 6], [1 / 5, 0]])  # The first of equals counts as the smaller.
  assert lamp(np.zeros([2, 1, 2], np.float32)).tolist() == [[[0, 0]], [[0, 0]]]
  # What may not return is not there: 9 of 9 + 16, 4 of 4 + 9 + 16.
  np.testing.assert_allclose(lamp(np.array([3.0, -1, 2, 4])), [9 / 25, -1, 4 / 29, 1])


def test_a_lamp_ranking_asks_less_of_layers_whose_weights_are_small():
  values = scores(small=[0.3, 0.1, 0.2, 0.4], large=[30, 29, 31, 32])
  # Small: 9/25, 1/30, 4/29, 1. Large, from its smallest: 841/3726, 900/2885, 961/1985, 1.
  assert kept(rank(values, 0.5, 'lamp')) == {'small': [1, 0, 0, 1], 'large': [0, 0, 1, 1]}
  assert kept(rank(values, 0.5)) == {'small': [0, 0, 0, 1], 'large': [1, 0, 1, 1]}
  assert thresholds(values, rank(values, 0.5, 'lamp'), 'lamp') == {'small': pytest.approx(0.2), 'large': 30}
  assert kept(rank(scores(empty=[0, 0], full=[1, 2]), 0.5, 'lamp')) == {'empty': [0, 1], 'full': [0, 1]}


def test_of_equal_scores_the_first_is_pruned_first():
  mask = rank(scores(a=[1, 1], b=[1, 1]), 0.5)
  # Each layer keeps one, and within a layer the first goes first.
  assert kept(mask) == {'a': [0, 1], 'b': [0, 1]}
  assert kept(rank(scores(a=[2, 1, 1, 1, 2]), 0.4)) == {'a': [1, 0, 0, 1, 1]}
  assert kept(rank(scores(a=[1, 1, 9], b=[1, 1, 9]), 0.5)) == {'a': [0, 0, 1], 'b': [0, 1, 1]}


@pytest.mark.parametrize('ranking', ['global', 'lamp', 'layer', 'erk'])
def test_no_layer_is_emptied(ranking):
  mask = rank(scores(tiny=[1e-9, 2e-9], large=np.arange(1, 99)), 0.9, ranking)
  assert mask['tiny'].any() and mask['large'].any() and mask.zeros == 90


def test_a_floor_keeps_a_layer_s_largest_at_the_expense_of_the_others():
  values = scores(small=[1, 2, 3, 4], large=np.arange(11, 27))
  assert rank(values, 0.5)['small'].sum() == 1
  mask = rank(values, 0.5, floor=0.5)
  assert kept(mask)['small'] == [0, 0, 1, 1]
  assert mask['large'].sum() == 8 and mask.zeros == 10 and mask['large'][8:].all()


def test_a_layer_ranking_prunes_the_same_fraction_of_each():
  mask = rank(scores(a=np.arange(40), b=np.arange(100, 160)), 0.75, 'layer')
  assert (mask['a'].sum(), mask['b'].sum()) == (10, 15)
  assert mask['a'][30:].all() and mask['b'][45:].all()


def test_remainders_of_a_layer_ranking_go_to_the_largest_first():
  # Of 13 weights 4 are kept: shares of 1.54, 1.54 and 0.92, so 1, 1 and (no layer is emptied) 1; the fourth goes to the first.
  mask = rank(scores(a=np.arange(5), b=np.arange(5), c=np.arange(3)), 0.7, 'layer')
  assert mask.zeros == 9 and [int(value.sum()) for value in mask.values()] == [2, 1, 1]


def test_erk_densities_are_in_proportion_to_sum_over_product_of_dimensions():
  # a: 3 + 3 + 8 + 8 = 22 over 576; b: 1 + 1 + 16 + 16 = 34 over 256. Densities relate like 22/576 to 34/256, so counts like 22 to 34.
  mask = rank(random_scores({'a': (3, 3, 8, 8), 'b': (1, 1, 16, 16)}), 1 - 112 / 832, 'erk')
  assert (mask['a'].sum(), mask['b'].sum()) == (44, 68)


def test_erk_makes_a_layer_dense_when_its_share_exceeds_it():
  # a: 7 over 12, b: 80 over 1600. Of 200 kept weights a would get 200 * 7 / 87 = 16 of its 12.
  mask = rank(random_scores({'a': (3, 4), 'b': (40, 40)}), 1 - 200 / 1612, 'erk')
  assert (mask['a'].sum(), mask['b'].sum()) == (12, 188)


@pytest.mark.parametrize('sparsity', [-0.1, 1.0, 1.5, float('nan')])
def test_a_sparsity_outside_0_to_1_is_refused(sparsity):
  with pytest.raises(RankingError, match=r'Sparsity lies in \[0, 1\)\. Received: '):
    rank(scores(a=[1.0]), sparsity)


def test_an_unreachable_sparsity_names_the_reachable_maximum():
  values = random_scores({'a': (10,), 'b': (90,)})
  with pytest.raises(RankingError, match=r'at least 20\.00%.*sparsity 0\.9; at most 0\.800000 is reachable'):
    rank(values, 0.9, floor=0.2)
  assert rank(values, 0.8, floor=0.2).zeros == 80


def test_a_network_without_prunable_weights_is_refused():
  with pytest.raises(RankingError, match='Pruning needs prunable weights'):
    rank({}, 0.5)
  assert issubclass(RankingError, UserError)


def test_a_global_threshold_is_one_number():
  values = scores(a=[5, 1, 6], b=[[2, 8, 3]])
  assert thresholds(values, rank(values, 0.5)) == {'a': 3, 'b': 3}


def test_layers_that_a_floor_protects_have_a_threshold_of_their_own():
  values = scores(small=[1, 2, 3, 4], large=np.arange(11, 27))
  assert thresholds(values, rank(values, 0.5, floor=0.5)) == {'small': 2, 'large': 18}


def test_a_layer_that_a_floor_keeps_whole_has_threshold_zero():
  values = scores(small=[1], large=np.arange(11, 21))
  assert thresholds(values, rank(values, 0.5)) == {'small': 0, 'large': 15}


@pytest.mark.parametrize('ranking', ['macs', 'lamp', 'layer', 'erk'])
def test_each_layer_has_its_own_threshold_under_other_rankings(ranking):
  values = scores(a=np.arange(10), b=np.arange(20, 30))
  assert thresholds(values, rank(values, 0.5, 'layer'), ranking) == {'a': 4, 'b': 24}


def test_without_zeros_thresholds_are_zero():
  values = scores(a=[1, 2], b=[3.0])
  assert thresholds(values, rank(values, 0.0)) == {'a': 0, 'b': 0}


def test_a_threshold_never_exceeds_what_is_kept():
  # The second weight may not return although it is the largest.
  mask = Mask({'a': np.array([True, False, True, False])})
  assert thresholds(scores(a=[3, 9, 2, 1]), mask) == {'a': 2}


def block(expand, project, **others):
  """Scores of a search block: `expand` [in, units], `project` [units, out]."""
  named = {'block/k3/expand/kernel': expand, 'block/k3/project/kernel': project}
  return scores(**{name: [[value]] for name, value in named.items()}, **others)


def dead_ends(mask, block='block/k3'):
  """Kept weights of units that keep none on the other side."""
  expand, project = mask[f'{block}/expand/kernel'][0, 0], mask[f'{block}/project/kernel'][0, 0]
  return int(expand[:, ~project.any(1)].sum() + project[~expand.any(0)].sum())


def blocks(floor_size=8):
  """Three blocks beside a layer of another kind, units and layers of unequal strength."""
  rng = np.random.default_rng(1)
  found = {'skip/kernel': rng.normal(size=(1, 1, 16, 24))}
  for i, (inner, units, outer) in enumerate([(16, 40, 16), (floor_size, 60, 24), (24, 100, 8)]):
    strength = rng.lognormal(size=units)
    found[f'b{i}/k5/expand/kernel'] = rng.normal(size=(1, 1, inner, units)) * rng.lognormal(size=units)
    found[f'b{i}/k5/project/kernel'] = rng.normal(size=(1, 1, units, outer)) * strength[:, None] / 2
  return {name: np.abs(value).astype(np.float32) for name, value in found.items()}


def test_the_share_of_units_without_another_side_goes_to_others_by_hand():
  values = block(expand=[[9, 5], [8, 4]], project=[[0.5, 0.3], [7, 6]])
  # The four largest, of which none reaches anything: of the first unit 9 and 8, of the second 7 and 6.
  assert kept(rank(values, 0.5)) == {'block/k3/expand/kernel': [[[[1, 0], [1, 0]]]], 'block/k3/project/kernel': [[[[0, 0], [1, 1]]]]}
  mask, separated = rank_connected(values, 0.5)
  assert kept(mask) == {'block/k3/expand/kernel': [[[[0, 1], [0, 1]]]], 'block/k3/project/kernel': [[[[0, 0], [1, 1]]]]}
  # The first unit is worth 0.5, so that 9 and 8 do not set the threshold; and 0.5 is not above it.
  assert separated['block/k3/expand/kernel'][0, 0].tolist() == [[0.5, 5], [0.5, 4]]
  assert thresholds(separated, mask) == {'block/k3/expand/kernel': 0.5, 'block/k3/project/kernel': 0.5}


def test_a_unit_that_a_bar_cuts_through_loses_the_rest():
  # Units are worth 5 and 4, twice each. The fourth place is for one of two fours, and is given to the 3.
  mask, _ = rank_connected(block(expand=[[5, 4]], project=[[6], [7]], other=[4.5, 3]), 1 / 3)
  assert kept(mask) == {'block/k3/expand/kernel': [[[[1, 0]]]], 'block/k3/project/kernel': [[[[1], [0]]]], 'other': [1, 1]}


def test_floors_are_filled_with_the_same_units_on_both_sides():
  # Each side keeps one: of the unit whose weaker side is strongest, 2 and 3, not 9 and 8.
  mask, separated = rank_connected(block(expand=[[9, 2, 1]], project=[[1], [3], [8]], other=np.arange(11, 25)), 0.75)
  assert kept(mask)['block/k3/expand/kernel'] == [[[[0, 1, 0]]]] and kept(mask)['block/k3/project/kernel'] == [[[[0], [1], [0]]]]
  assert mask['other'].sum() == 3
  assert thresholds(separated, mask) == {'block/k3/expand/kernel': 1, 'block/k3/project/kernel': 1, 'other': 21}


def test_a_dead_end_stays_where_a_layer_could_not_be_filled_without():
  # Of eight three are kept, two of them of the first layer; the second can keep one unit only.
  mask, _ = rank_connected(block(expand=[[1, 2, 3, 4]], project=[[4], [3], [2], [1]]), 0.625, 'layer')
  assert [int(value.sum()) for value in mask.values()] == [2, 1] and dead_ends(mask) == 1


def test_a_depthwise_side_counts_where_it_is_pruned_and_the_stem_and_a_pruned_classifier_have_hidden_units_too():
  values = block(expand=[[9, 5]], project=[[8], [6]]) | {'block/k3/depthwise/depthwise_kernel': np.array([[[[1.0], [7.0]]]], np.float32)}
  assert kept(rank_connected(values, 0.5)[0]) == {
    **{'block/k3/expand/kernel': [[[[0, 1]]]], 'block/k3/project/kernel': [[[[0], [1]]]]},
    'block/k3/depthwise/depthwise_kernel': [[[[0], [1]]]],
  }
  for first, last in (('stem/conv0/kernel', 'stem/conv1/kernel'), ('head/last/kernel', 'head/classifier/kernel')):
    mask, _ = rank_connected({first: np.array([[9.0, 5.0]]), last: np.array([[1.0], [6.0]])}, 0.5)
    assert kept(mask) == {first: [[0, 1]], last: [[0], [1]]}


def test_weights_that_may_not_return_do_not_even_where_others_reach_nothing():
  # The second unit's first side is gone: of the four that are left, the 8 reaches nothing, and comes before those that may not return.
  values = block(expand=[[9, -1]], project=[[2, 3], [8, -1]])
  assert kept(rank_connected(values, 0.5)[0]) == {
    **{'block/k3/expand/kernel': [[[[1, 0]]]], 'block/k3/project/kernel': [[[[1, 1], [0, 0]]]]},
  }
  assert kept(rank_connected(values, 1 / 3)[0])['block/k3/project/kernel'] == [[[[1, 1], [1, 0]]]]


@pytest.mark.parametrize('ranking', ['global', 'macs', 'lamp', 'layer', 'erk'])
@pytest.mark.parametrize('floor', [0.0, 0.01, 0.03])
@pytest.mark.parametrize('sparsity', [0.0, 0.5, 0.8, 0.9, 0.96])
def test_nothing_that_is_kept_is_a_dead_end_and_counts_and_floors_hold(sparsity, floor, ranking):
  values, prices = blocks(), {name: 1.0 + i for i, name in enumerate(blocks())}
  mask, separated = rank_connected(values, sparsity, ranking, floor, prices)
  before = rank(values, sparsity, ranking, floor, prices)
  assert mask.zeros == before.zeros == math.floor(round(sparsity * 1000) * mask.size / 1000)
  assert all(kept.sum() >= max(1, math.ceil(floor * kept.size)) for kept in mask.values())
  left, others = (sum(dead_ends(found, f'b{i}/k5') for i in range(3)) for found in (mask, before))
  # At 50% ERK keeps all of a layer, whose units then need a weight on their other side whatever that is worth.
  assert left == 0 if (ranking, sparsity) != ('erk', 0.5) else left <= others
  assert sparsity < 0.9 or others > 20
  bars = thresholds(separated, mask, ranking)
  for name, value in values.items():
    assert (value[mask[name]] >= bars[name]).all()


@pytest.mark.parametrize('ranking', ['global', 'macs', 'lamp'])
@pytest.mark.parametrize('sparsity', [0.5, 0.9, 0.96])
def test_units_that_are_above_the_thresholds_on_both_sides_are_those_that_are_kept(sparsity, ranking):
  values, prices = blocks(), {name: 1.0 + i for i, name in enumerate(blocks())}
  mask, separated = rank_connected(values, sparsity, ranking, prices=prices)
  bars = thresholds(separated, mask, ranking)
  for i in range(3):
    expand, project = f'b{i}/k5/expand/kernel', f'b{i}/k5/project/kernel'
    above = (values[expand] > bars[expand])[0, 0].any(0) & (values[project] > bars[project])[0, 0].any(1)
    assert above.tolist() == mask[expand][0, 0].any(0).tolist()


@pytest.mark.parametrize('ranking', ['global', 'lamp', 'layer', 'erk'])
def test_without_hidden_units_all_is_as_in_any_ranking(ranking):
  values = random_scores({'a': (1, 1, 8, 9), 'b/expand/kernel': (1, 1, 4, 5), 'c/project/kernel': (1, 1, 5, 4)})
  mask, separated = rank_connected(values, 0.7, ranking, 0.01)
  assert kept(mask) == kept(rank(values, 0.7, ranking, 0.01))
  assert thresholds(separated, mask, ranking) == thresholds(values, mask, ranking)
