"""The lightweight transformer against a second computation in NumPy."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.arch.specs import ArchSpec, HeadSpec, StageSpec
from st_tf.models import build, cost, named_variables
from st_tf.models.transformer import SIDE, WIDTH, TokenTransformer

TOKENS = 3
ARCH = ArchSpec(stages=(StageSpec((1,), (4,)),), stem_channels=(4, 4), input_stride=1, head_channels=(6,), last_channel=8, kernels=(3,))
HEAD = HeadSpec('classification', 3)


def layer_norm(x, gamma, beta):
  centred = x - x.mean(-1, keepdims=True)
  return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * gamma + beta


def recomputed(layer, maps):
  """The layer's output for maps [batch, 8, 8, tokens], one image and one token at a time."""
  weights = {short: variable.numpy().astype(np.float64) for short, variable in layer.parts.items()}
  outputs = np.zeros_like(maps, np.float64)
  for image, picture in enumerate(maps.astype(np.float64)):
    tokens = np.stack([picture[..., token].reshape(WIDTH) for token in range(maps.shape[-1])])
    memory = half(weights, 'encoder', tokens, tokens, tokens)
    decoded = half(weights, 'decoder', layer.queries.numpy(), memory, memory)
    for token, value in enumerate(decoded):
      outputs[image, ..., token] = value.reshape(SIDE, SIDE)
  return outputs


def half(weights, name, queries, memory, residual):
  part = {short.removeprefix(f'{name}_'): value for short, value in weights.items() if short.startswith(name)}
  rows = []
  for query, kept in zip(queries, residual):
    scores = np.array([(query @ part['query']) @ (entry @ part['key']) for entry in memory]) / 8.0
    shares = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    attended = sum(share * (entry @ part['value']) for share, entry in zip(shares, memory)) @ part['out']
    hidden = layer_norm(kept + attended, part['norm1_gamma'], part['norm1_beta'])
    fed = np.maximum(hidden @ part['feed1'], 0) @ part['feed2']
    rows.append(layer_norm(hidden + fed, part['norm2_gamma'], part['norm2_beta']))
  return np.stack(rows)


@pytest.fixture(scope='module')
def attention():
  """(layer with random layer norms, maps)."""
  rng = np.random.default_rng(0)
  layer, maps = TokenTransformer(seed=3), rng.normal(size=(2, SIDE, SIDE, TOKENS)).astype(np.float32)
  layer((maps, np.ones(TOKENS, np.float32)))
  for name, variable in layer.parts.items():
    if 'norm' in name:
      variable.assign(variable + rng.normal(0, 0.3, variable.shape))
  return layer, maps


def test_the_transformer_equals_its_recomputation(attention):
  layer, maps = attention
  outputs = layer((maps, np.ones(TOKENS, np.float32)))
  np.testing.assert_allclose(outputs, recomputed(layer, maps), rtol=1e-4, atol=1e-5)


def test_a_dead_token_takes_no_part_in_the_others(attention):
  layer, maps = attention
  outputs = layer((maps, np.array([1, 0, 1], np.float32))).numpy()
  smaller = TokenTransformer()
  left = maps[..., [0, 2]]
  smaller((left, np.ones(2, np.float32)))
  for name, variable in layer.parts.items():
    smaller.parts[name].assign(variable)
  smaller.queries.assign(layer.queries.numpy()[[0, 2]])
  np.testing.assert_allclose(outputs[..., [0, 2]], smaller((left, np.ones(2, np.float32))), rtol=1e-5, atol=1e-6)
  assert not outputs[..., 1].any()


def test_tokens_that_are_all_dead_give_zero_and_no_nan(attention):
  layer, maps = attention
  assert not layer((maps, np.zeros(TOKENS, np.float32))).numpy().any()


def test_dropout_acts_in_training_only_and_repeats_for_one_count(attention):
  layer, maps = attention
  alive = np.ones(TOKENS, np.float32)
  layer.calls.assign(0)
  still = layer((maps, alive)).numpy()
  first, second = (layer((maps, alive), training=True).numpy() for _ in range(2))
  assert int(layer.calls) == 2 and not np.array_equal(first, second) and not np.array_equal(first, still)
  assert np.array_equal(layer((maps, alive)), still) and int(layer.calls) == 2
  layer.calls.assign(1)
  assert np.array_equal(layer((maps, alive), training=True), second)


def test_macs_by_hand(attention):
  layer, _ = attention
  # Per layer: q, k, v, out and two feed-forward products of 64x64 per token; scores and weighted values of 64 per pair.
  assert layer.macs() == 2 * (6 * 64 * 64 * 3 + 2 * 64 * 3 * 3)


@pytest.fixture(scope='module')
def network():
  arch = dataclasses.replace(ARCH, tokens=TOKENS)
  return build(arch, HEAD, (6, 10, 3), seed=1)


def test_a_transformer_stands_on_the_skip_of_blocks_that_keep_their_shape(network):
  names = {layer.name.split('/transformer')[0] for layer in network.layers if isinstance(layer, TokenTransformer)}
  assert names == {'stage1/fuse/0to0', 'stage1/branch0/block0'}
  skip = network.get_layer('stage1/branch0/block0/transformer/add')
  assert skip.output_shape == skip.input_shape[0] == (None, 6, 10, 4)
  # The convolutions are added to the transformer's output.
  assert network.get_layer('stage1/branch0/block0/add').input[0] is skip.output


def test_the_transformer_s_layers_cost_what_they_multiply(network):
  costs = {layer.name: layer for layer in cost.of(network).layers}
  name = 'stage1/branch0/block0/transformer'
  assert costs[f'{name}/tokenize'].macs == 64 * (4 + 2) * TOKENS
  assert costs[f'{name}/untokenize'].macs == 64 * TOKENS * 4
  assert costs[f'{name}/attention'].macs == 2 * (6 * 64 * 64 * 3 + 2 * 64 * 9)
  assert costs[f'{name}/attention'].params == 12 * 64 * 64 + 8 * 64 + 3 * 64


@pytest.mark.slow
def test_a_network_with_tokens_trains_all_of_its_weights(network):
  images = np.random.default_rng(0).normal(size=(4, 6, 10, 3)).astype(np.float32)
  before = {name: variable.numpy() for name, variable in named_variables(network).items() if variable.trainable}
  network.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
  loss = network.train_on_batch(images, np.array([0, 1, 2, 0]))
  assert np.isfinite(loss)
  moved = {name for name, value in before.items() if not np.array_equal(value, named_variables(network)[name])}
  assert {name for name in before if '/transformer/' in name} <= moved


def test_the_whole_network_ignores_a_token_of_factor_zero(network):
  variables = named_variables(network)
  name = 'stage1/branch0/block0/transformer'
  variables[f'{name}/token_bn/gamma'].assign([1.0, 0.0, 1.0])
  images = tf.random.stateless_normal([2, 6, 10, 3], [1, 2])
  outputs = network(images).numpy()
  # Neither its query, nor its projections, nor its constant matter any more.
  queries = variables[f'{name}/attention/queries']
  queries.assign(queries + np.array([0, 1, 0], np.float32)[:, None])
  variables[f'{name}/token_bn/beta'].assign([0.0, 5.0, 0.0])
  kernel = variables[f'{name}/untokenize/kernel']
  kernel.assign(kernel + np.array([0, 1, 0], np.float32)[None, None, :, None])
  np.testing.assert_allclose(network(images), outputs, rtol=1e-6, atol=1e-6)
