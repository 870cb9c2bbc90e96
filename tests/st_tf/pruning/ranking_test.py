"""Rankings by hand, and exact for every count."""

import math

import hypothesis
from hypothesis import strategies as st
import numpy as np
import pytest

from st_tf.errors import UserError
from st_tf.pruning.mask import Mask
from st_tf.pruning.ranking import RankingError, lamp, rank, thresholds

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


@hypothesis.given(st.lists(st.sampled_from([-np.inf, -1.5, -0.0, 0.0, 1.0, 2.0, np.inf, np.nan]), min_size=1, max_size=40), st.data())
def test_what_is_kept_is_the_end_of_a_stable_sort(scores, data):
  pruned = data.draw(st.integers(0, len(scores) - 1))
  scores = [np.inf if np.isnan(score) else score for score in scores] if np.inf in scores else scores  # Either is last.
  mask = rank({'a': np.array(scores, np.float32)}, pruned / len(scores))
  assert np.flatnonzero(~mask['a']).tolist() == sorted(np.argsort(scores, kind='stable')[:pruned].tolist())


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


@pytest.mark.parametrize('ranking', ['global', 'layer', 'erk'])
def test_negative_scores_are_kept_only_where_the_others_do_not_suffice(ranking):
  # Alike, both layers would keep 4 of 8; the first has only 2 that may stay.
  values = scores(a=[-1, -5, 3, -4, -6, 2, -2, -3], b=[5, 1, 2, 6, 3, 4, -9, -8])
  assert kept(rank(values, 0.5, ranking)) == {'a': [0, 0, 1, 0, 0, 1, 0, 0], 'b': [1, 1, 1, 1, 1, 1, 0, 0]}
  # All 8 that may stay, and of the others the strongest.
  more = rank(values, 0.375, ranking)
  assert more.zeros == 6 and all((more[name] | (value < 0)).all() for name, value in values.items())
  assert kept(more)['a'][0] == 1 and not any(kept(more)['b'][6:])


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


def test_a_ranking_that_is_not_there_is_named_and_does_not_pass_for_another():
  with pytest.raises(RankingError, match="A ranking is one of global, macs, lamp, layer, erk. Received: 'elk'. Did you mean erk?"):
    rank({'a': np.ones(4)}, 0.5, 'elk')
