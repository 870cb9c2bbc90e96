"""The lightweight transformer on a search block's skip (HR-NAS, CVPR 2021, section 3.2)."""

from collections.abc import Callable

import tensorflow as tf
import tf_keras as keras

from st_tf.models.layers import AppendCoordinates, TokenNorm

SIDE = 8  # A token is a map of 8x8 values, flattened.
WIDTH = SIDE * SIDE
_DROPOUT = 0.1
_TOKEN_BN = {'momentum': 0.9, 'epsilon': 1e-5}
_PARTS = ('query', 'key', 'value', 'out', 'feed1', 'feed2')


@keras.saving.register_keras_serializable('st_tf')
class TokenTransformer(keras.layers.Layer):
  """One encoder and one decoder layer over tokens: post-norm, one head, no biases outside the layer norms.

  The decoder's queries are learned, it has no self-attention, and its residual adds the encoder's memory.
  """

  def __init__(self, seed: int = 0, **kwargs):
    super().__init__(**kwargs)
    self.seed = seed

  def build(self, input_shape: list[tf.TensorShape]) -> None:
    """Creates the weights for `tokens` tokens, the last axis of the first input."""
    tokens = input_shape[0][-1]
    self.queries = self._weight('queries', [tokens, WIDTH], 0)
    self.parts = {}
    for index, layer in enumerate(('encoder', 'decoder')):
      for place, part in enumerate(_PARTS):
        self.parts[f'{layer}_{part}'] = self._weight(f'{layer}_{part}', [WIDTH, WIDTH], 1 + index * len(_PARTS) + place)
      for norm in ('norm1', 'norm2'):
        self.parts[f'{layer}_{norm}_gamma'] = self.add_weight(f'{layer}_{norm}_gamma', [WIDTH], initializer='ones')
        self.parts[f'{layer}_{norm}_beta'] = self.add_weight(f'{layer}_{norm}_beta', [WIDTH], initializer='zeros')
    self.calls = self.add_weight('calls', [], tf.int64, 'zeros', trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
    super().build(input_shape)

  def call(self, inputs: tuple[tf.Tensor, tf.Tensor], training: bool = False) -> tf.Tensor:
    """([batch, 8, 8, tokens], alive [tokens]) -> [batch, 8, 8, tokens], zero for dead tokens."""
    maps, alive = inputs
    tokens = maps.shape[-1]
    values = tf.transpose(tf.reshape(maps, [-1, WIDTH, tokens]), [0, 2, 1])
    memory = self._layer('encoder', values, values, values, alive, training)
    queries = tf.tile(self.queries[None], [tf.shape(maps)[0], 1, 1])
    out = self._layer('decoder', queries, memory, memory, alive, training)
    if training:
      self.calls.assign_add(1)
    return tf.reshape(tf.transpose(out, [0, 2, 1]), [-1, SIDE, SIDE, tokens]) * alive

  def macs(self) -> int:
    """Multiply-accumulates per image: projections, feed-forward and the attention products of both layers."""
    return attention_macs(self.queries.shape[0])

  def get_config(self) -> dict:
    """The arguments of the constructor."""
    return super().get_config() | {'seed': self.seed}

  def _layer(self, name, queries, memory, residual, alive, training):
    query, key, value, out, feed1, feed2 = (self.parts[f'{name}_{part}'] for part in _PARTS)
    scores = tf.matmul(queries @ query, memory @ key, transpose_b=True) / WIDTH**0.5
    weights = tf.nn.softmax(scores + (1.0 - alive) * scores.dtype.min / 2)
    attended = tf.matmul(weights, memory @ value) @ out
    hidden = self._norm(f'{name}_norm1', residual + self._dropout(f'{name}1', attended, training))
    fed = tf.nn.relu(hidden @ feed1) @ feed2
    return self._norm(f'{name}_norm2', hidden + self._dropout(f'{name}2', fed, training))

  def _norm(self, name, values):
    mean, variance = tf.nn.moments(values, -1, keepdims=True)
    return tf.nn.batch_normalization(values, mean, variance, self.parts[f'{name}_beta'], self.parts[f'{name}_gamma'], 1e-5)

  def _dropout(self, name, values, training):
    if not training:
      return values
    place = ('encoder1', 'encoder2', 'decoder1', 'decoder2').index(name)
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    seed = tf.stack([tf.cast(replica, tf.int64) * 2**32 + self.seed * 4 + place, self.calls])
    keep = tf.random.stateless_uniform(tf.shape(values), seed) >= _DROPOUT
    return tf.where(keep, values / (1 - _DROPOUT), tf.zeros_like(values))

  def _weight(self, name, shape, place):
    initializer = keras.initializers.GlorotUniform(self.seed * 16 + place)
    return self.add_weight(name, shape, initializer=initializer)


def attention_macs(tokens: int) -> int:
  """Multiply-accumulates of a `TokenTransformer` per image."""
  return 2 * (len(_PARTS) * WIDTH * WIDTH * tokens + 2 * WIDTH * tokens * tokens)


def transformer(x: tf.Tensor, tokens: int, name: str, conv: Callable, norm: Callable, seed: int, synchronized: bool = False) -> tf.Tensor:
  """Adds T(x) for x [batch, height, width, channels]; the result has x's shape.

  Args:
    x: the block's input.
    tokens: how many tokens.
    name: prefix of the layers' names.
    conv: makes a bias-free 1x1 convolution from (channels, name).
    norm: makes a batch norm from (name, **settings).
    seed: of the initial weights.
    synchronized: whether batch norms share their statistics over replicas.
  """
  _, height, width, channels = x.shape
  maps = keras.layers.Resizing(SIDE, SIDE, 'bilinear', name=f'{name}/shrink')(x)
  maps = AppendCoordinates(name=f'{name}/coordinates')(maps)
  maps = conv(tokens, f'{name}/tokenize')(maps)
  maps, alive = TokenNorm(**_TOKEN_BN, synchronized=synchronized, name=f'{name}/token_bn')(maps)
  maps = TokenTransformer(seed, name=f'{name}/attention')((maps, alive))
  maps = conv(channels, f'{name}/untokenize')(maps)
  maps = norm(f'{name}/bn', **_TOKEN_BN)(maps)
  maps = keras.layers.Resizing(height, width, 'bilinear', name=f'{name}/grow')(maps)
  return keras.layers.Add(name=f'{name}/add')([x, maps])
