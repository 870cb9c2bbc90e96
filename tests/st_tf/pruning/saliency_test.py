import numpy as np
import pytest
import tensorflow as tf

from st_tf.pruning import saliency
from st_tf.pruning.ranking import rank


def variables(**values):
  return {name: tf.Variable(np.asarray(value, np.float64)) for name, value in values.items()}


def test_random_scores_depend_on_the_seed_alone():
  weights = variables(a=[[1, 2], [3, 4]], b=[5])
  first, again, other = (saliency.random(weights, seed) for seed in (3, 3, 4))
  assert all((first[name] == again[name]).all() and first[name].shape == weights[name].shape for name in weights)
  assert any((first[name] != other[name]).any() for name in weights)


def test_snip_by_hand():
  # L = (w0 x0 + w1 x1 - 1)^2 with w = (2, -1). Batch x = (1, 1): error 0, no gradient. Batch x = (1, 0): error 1, gradient (2, 0).
  # Batch x = (0, 2): error -3, gradient (0, -12). The mean is (2/3, -4), and |w g| = (4/3, 4).
  weights = variables(w=[2, -1])
  batches = [np.asarray(x, np.float64) for x in ((1, 1), (1, 0), (0, 2))]
  found = saliency.snip(weights, lambda x: (tf.reduce_sum(weights['w'] * x) - 1) ** 2, batches)
  np.testing.assert_allclose(found['w'], [4 / 3, 4])


def test_grasp_by_hand():
  # L = a w0^2 + b w0 w1 at w = (1, 2), a = 3, b = 5: g = (2 a w0 + b w1, b w0) = (16, 5), H = ((6, 5), (5, 0)), Hg = (121, 80).
  weights = variables(w=[1, 2])

  def loss(scale):
    first, second = weights['w'][0], weights['w'][1]
    return scale * (3 * first**2 + 5 * first * second)

  np.testing.assert_allclose(saliency.grasp(weights, loss, [1.0])['w'], [1 * 121, 2 * 80])
  # The product is of the mean Hessian with the mean gradient, not the mean of products: (0.5 + 1.5) / 2 = 1 of both.
  np.testing.assert_allclose(saliency.grasp(weights, loss, [0.5, 1.5])['w'], [121, 160])


@pytest.mark.parametrize('scale', [1, 2])
def test_grasp_keeps_what_the_gradient_lives_on(scale):
  # The first-order change of |g|^2 when w_i goes is -2 w_i (Hg)_i; here checked against the loss itself, by a small step.
  rng = np.random.default_rng(0)
  matrix = rng.normal(size=(3, 3))
  weights = variables(w=rng.normal(size=3))

  def loss(_):
    maps = tf.reshape(tf.math.tanh(tf.linalg.matvec(matrix, weights['w'])), (1, 1, 3, 1))
    larger = tf.image.resize(maps, (scale, 3 * scale), 'nearest') if scale > 1 else maps
    return tf.reduce_sum(larger**2)

  def norm(values):
    weights['w'].assign(values)
    with tf.GradientTape() as tape:
      value = loss(None)
    return float(tf.reduce_sum(tape.gradient(value, weights['w']) ** 2))

  start, step = weights['w'].numpy(), 1e-6
  scores = saliency.grasp(weights, loss, [None])['w']
  for index in range(3):
    smaller = start.copy()
    smaller[index] *= 1 - step
    assert (norm(smaller) - norm(start)) / step == pytest.approx(-2 * scores[index], rel=1e-4)


def test_synflow_takes_a_hundred_rounds_of_equal_shares(monkeypatch):
  # Algorithm 1: of a density d there is d^(k/100) left after round k.
  seen = []

  def watched(scores, sparsity):
    seen.append(sparsity)
    return rank(scores, sparsity)

  monkeypatch.setattr(saliency, 'rank', watched)
  weights = variables(w=np.arange(1.0, 17.0))
  mask = saliency.synflow(weights, lambda: tf.reduce_sum(weights['w']), 0.75)
  assert len(seen) == 100 and [1 - seen[number] for number in (0, 49, 99)] == pytest.approx([0.25**0.01, 0.5, 0.25])
  assert mask['w'].tolist() == [False] * 12 + [True] * 4


def test_synflow_by_hand():
  # Two layers, 2 -> 2 -> 1. R = sum over paths of products: |w1| = ((1, 2), (3, 4)) (input, hidden), |w2| = (5, 1).
  # Scores of w1[i, j]: |w1[i, j]| |w2[j]| = ((5, 2), (15, 4)); of w2[j]: |w2[j]| sum_i |w1[i, j]| = (20, 6).
  # One round to a third: the two lowest of six go, w1[0, 1] and w1[1, 1]; w2[1] is then worth nothing, but was still 6.
  weights = variables(w1=[[1, -2], [3, 4]], w2=[-5, 1])

  def output():
    return tf.reduce_sum(tf.linalg.matvec(weights['w1'], tf.ones(2, tf.float64), transpose_a=True) * weights['w2'])

  one = saliency.synflow(weights, output, 1 / 3, rounds=1)
  assert one['w1'].tolist() == [[True, False], [True, False]] and one['w2'].tolist() == [True, True]
  # In rounds the scores follow: once w1[:, 1] is gone, w2[1] scores 0 and goes next, before w1[0, 0] with 5. Each layer keeps one.
  many = saliency.synflow(weights, output, 0.5, rounds=100)
  assert many['w1'].tolist() == [[True, False], [True, False]] and many['w2'].tolist() == [True, False]
  assert weights['w1'].numpy().tolist() == [[1, -2], [3, 4]] and weights['w2'].numpy().tolist() == [-5, 1]


def test_synflow_conserves_its_flow_where_one_round_collapses_a_layer():
  """What the rounds are for: no layer is emptied, although one is much wider (NeurIPS 2020, theorem 3)."""
  rng = np.random.default_rng(1)
  weights = variables(narrow=rng.normal(size=(4, 3)), wide=rng.normal(size=(3, 200)), last=rng.normal(size=(200, 2)))

  def output():
    flow = tf.ones((1, 4), tf.float64)
    for name in ('narrow', 'wide', 'last'):
      flow = flow @ weights[name]
    return tf.reduce_sum(flow)

  mask = saliency.synflow(weights, output, 0.98)
  kept = {name: int(value.sum()) for name, value in mask.items()}
  assert sum(kept.values()) == 1012 - int(0.98 * 1012) and min(kept.values()) >= 1
  flow = np.ones((1, 4))
  for name in ('narrow', 'wide', 'last'):
    flow = flow @ (np.abs(weights[name].numpy()) * mask[name])
  assert flow.sum() > 0, 'something still flows from the input to the output'


def test_scores_with_both_signs_can_be_ranked():
  mask = rank({'w': np.asarray([-3.0, 2.0, -1.0, 5.0])}, 0.5)
  assert mask['w'].tolist() == [False, True, False, True]
