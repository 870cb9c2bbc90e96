"""Scores of pruning at initialisation: which weights matter before any training, as published. Higher scores are kept.

Scores are those of `ranking.rank`; what a model, its loss and its data are stays with the caller.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from st_tf.pruning.mask import Mask
from st_tf.pruning.ranking import rank

Scores = dict[str, np.ndarray]
Weights = Mapping[str, tf.Variable]
Loss = Callable[[Any], tf.Tensor]

SYNFLOW_ROUNDS = 100


def random(weights: Weights, seed: int) -> Scores:
  """Scores drawn uniformly from [0, 1): a random mask."""
  rng = np.random.default_rng(seed)
  return {name: rng.random(weight.shape) for name, weight in sorted(weights.items())}


def snip(weights: Weights, loss: Loss, batches: Iterable[Any]) -> Scores:
  """|w * g|: how much the loss changes, to first order, when a weight goes (SNIP, ICLR 2019, section 4.1).

  Args:
    weights: what may be pruned, by name.
    loss: the mean loss of a batch, a function of the weights.
    batches: over which the gradient is the mean.
  """
  gradients = _mean(_gradients(weights, loss, batch) for batch in batches)
  return {name: np.abs(weights[name].numpy() * gradient) for name, gradient in gradients.items()}


def grasp(weights: Weights, loss: Loss, batches: Iterable[Any]) -> Scores:
  """w * Hg: how much of the gradient's norm goes, to first order, with a weight (GraSP, ICLR 2020, section 4).

  Removing a weight changes the squared norm of the gradient g by -2 w * Hg; what raises it most, or lowers it least, is removed,
  that is the largest -w * Hg. The Hessian H is never formed: Hg is the gradient of g * stop_gradient(g).

  Args:
    weights: as of `snip`.
    loss: likewise; of logits divided by the paper's temperature of 200, if as published.
    batches: over which both gradient and Hessian are the mean.
  """
  batches = list(batches)
  mean = _mean(_gradients(weights, loss, batch) for batch in batches)
  products = _mean(_hessian_products(weights, loss, batch, mean) for batch in batches)
  return {name: weights[name].numpy() * product for name, product in products.items()}


def synflow(weights: Weights, output: Callable[[], tf.Tensor], sparsity: float, rounds: int = SYNFLOW_ROUNDS) -> Mask:
  """The mask that is left when weights go in rounds by |w * dR/dw|, R being what an input of ones comes to (SynFlow, NeurIPS 2020).

  After round k of n there are density^(k/n) of the weights left (its Algorithm 1). All weights are compared with each other.

  Args:
    weights: what may be pruned, by name; they are as before afterwards.
    output: the sum of the network's outputs for an input of ones, all its parameters positive. In double precision: R grows
      exponentially with the depth.
    sparsity: that is reached after the last round.
    rounds: how many.

  Raises:
    RankingError: sparsity outside [0, 1), or no weight is left in a layer.
  """
  before = {name: weight.numpy() for name, weight in weights.items()}
  mask = Mask({name: np.ones(value.shape, bool) for name, value in before.items()})
  try:
    for number in range(1, rounds + 1):
      for name, weight in weights.items():
        weight.assign(np.abs(before[name]) * mask[name])
      gradients = _gradients(weights, lambda _: output(), None)
      # A weight that is gone has no score, and stays gone.
      scores = {name: np.where(mask[name], np.abs(gradients[name] * weights[name].numpy()), -1.0) for name in weights}
      mask = rank(scores, 1 - (1 - sparsity) ** (number / rounds))
  finally:
    for name, weight in weights.items():
      weight.assign(before[name])
  return mask


def _gradients(weights: Weights, loss: Loss, batch: Any) -> Scores:
  with tf.GradientTape(watch_accessed_variables=False) as tape:
    tape.watch(list(weights.values()))
    value = loss(batch)
  gradients = tape.gradient(value, list(weights.values()), unconnected_gradients='zero')
  return {name: gradient.numpy() for name, gradient in zip(weights, gradients)}


def _hessian_products(weights: Weights, loss: Loss, batch: Any, vector: Scores) -> Scores:
  variables = list(weights.values())
  with tf.GradientTape(watch_accessed_variables=False) as outer:
    outer.watch(variables)
    with tf.GradientTape(watch_accessed_variables=False) as inner:
      inner.watch(variables)
      value = loss(batch)
    gradients = inner.gradient(value, variables, unconnected_gradients='zero')
    product = tf.add_n([tf.reduce_sum(gradient * vector[name]) for name, gradient in zip(weights, gradients)])
  products = outer.gradient(product, variables, unconnected_gradients='zero')
  return {name: gradient.numpy() for name, gradient in zip(weights, products)}


@tf.RegisterGradient('ResizeNearestNeighborGrad')
def _enlarged(operation: Any, change: tf.Tensor) -> list[tf.Tensor | None]:
  """The Hessian of networks that enlarge maps needs it, and TensorFlow has it for bilinear resizing only."""
  settings = {name: operation.get_attr(name) for name in ('align_corners', 'half_pixel_centers')}
  return [tf.raw_ops.ResizeNearestNeighbor(images=change, size=tf.shape(operation.inputs[0])[1:3], **settings), None]


def _mean(each: Iterable[Scores]) -> Scores:
  by_batch = list(each)
  return {name: sum(scores[name] for scores in by_batch) / len(by_batch) for name in by_batch[0]}
