"""The few layers that tf_keras does not have."""

import tensorflow as tf
import tf_keras as keras

_PACKAGE = 'st_tf'


@keras.saving.register_keras_serializable(_PACKAGE)
class GroupedConv2D(keras.layers.Conv2D):
  """A grouped convolution whose kernel is spread to a dense one, and which takes its stride before a kernel of one pixel.

  tf_keras compiles grouped convolutions with XLA, which takes seconds per layer on a CPU, and mobile runtimes run them
  slowly. The kernel keeps its grouped shape [height, width, in / groups, out]; only the computation is dense. MACs are
  counted grouped.
  """

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    """As tf_keras, without compiling anything."""
    outputs = self.convolution_op(inputs, self.kernel)
    return self.activation(tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs)

  def get_prunable_weights(self) -> list[tf.Variable]:
    """The kernel, for tfmot."""
    return [self.kernel]

  def convolution_op(self, inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """The convolution of [batch, height, width, in] with a grouped kernel."""
    in_channels, out_channels = inputs.shape[-1], self.filters
    group_in, group_out = in_channels // self.groups, out_channels // self.groups
    same_group = tf.range(in_channels)[:, None] // group_in == tf.range(out_channels)[None, :] // group_out
    dense = tf.tile(kernel, [1, 1, self.groups, 1]) * tf.cast(same_group, kernel.dtype)
    strides = self.strides
    if self.kernel_size == (1, 1) and strides != (1, 1):
      # The same pixels. oneDNN's gradient of a strided 1x1 kernel writes beyond its memory (TensorFlow 2.21 on a CPU with AVX2).
      inputs, strides = inputs[:, :: strides[0], :: strides[1]], (1, 1)
    return tf.nn.conv2d(inputs, dense, strides, self.padding.upper())


@keras.saving.register_keras_serializable(_PACKAGE)
class ChannelShift(keras.layers.Layer):
  """Adds a trained constant to each channel: what a removed batch norm leaves behind."""

  def build(self, input_shape: tf.TensorShape) -> None:
    """Creates `shift` [channels]."""
    self.shift = self.add_weight('shift', [input_shape[-1]], initializer='zeros')
    super().build(input_shape)

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    """inputs [..., channels] + shift."""
    return inputs + self.shift


@keras.saving.register_keras_serializable(_PACKAGE)
class ChannelScale(keras.layers.Layer):
  """Multiplies each channel by a trained factor that is not negative: how important it is, while units are searched."""

  def build(self, input_shape: tf.TensorShape) -> None:
    """Creates `scale` [channels]."""
    self.scale = self.add_weight('scale', [input_shape[-1]], initializer='ones', constraint=keras.constraints.NonNeg())
    super().build(input_shape)

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    """inputs [..., channels] * scale."""
    return inputs * self.scale


@keras.saving.register_keras_serializable(_PACKAGE)
class CountedDropout(keras.layers.Layer):
  """Dropout whose noise depends only on a seed and on how often it was called in training.

  The count is a variable, so that a run that continues from a checkpoint draws the same noise as one that was never
  interrupted; tf_keras' own dropout does not.
  """

  def __init__(self, rate: float, seed: int = 0, **kwargs):
    super().__init__(**kwargs)
    self.rate = rate
    self.seed = seed

  def build(self, input_shape: tf.TensorShape) -> None:
    """Creates the counter."""
    self.calls = self.add_weight('calls', [], tf.int64, 'zeros', trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA)
    super().build(input_shape)

  def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Zeroes a fraction `rate` of inputs and scales the others, in training only."""
    if not training or not self.rate:
      return inputs
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    seed = tf.stack([tf.cast(replica, tf.int64) * 2**32 + self.seed, self.calls])
    keep = tf.random.stateless_uniform(tf.shape(inputs), seed) >= self.rate
    self.calls.assign_add(1)
    return tf.where(keep, inputs / (1 - self.rate), tf.zeros_like(inputs))

  def get_config(self) -> dict:
    """The arguments of the constructor."""
    return super().get_config() | {'rate': self.rate, 'seed': self.seed}


@keras.saving.register_keras_serializable(_PACKAGE)
class AppendCoordinates(keras.layers.Layer):
  """Appends the row and column of each position as two channels of zero mean and unit deviation (HR-NAS, section 3.2)."""

  def call(self, inputs: tf.Tensor) -> tf.Tensor:
    """[batch, height, width, channels] -> [batch, height, width, channels + 2]."""
    _, height, width, _ = inputs.shape
    rows, columns = tf.meshgrid(_standardised(height), _standardised(width), indexing='ij')
    grid = tf.cast(tf.stack([rows, columns], -1)[None], inputs.dtype)
    return tf.concat([inputs, tf.tile(grid, [tf.shape(inputs)[0], 1, 1, 1])], -1)


@keras.saving.register_keras_serializable(_PACKAGE)
class TokenNorm(keras.layers.BatchNormalization):
  """Batch norm over tokens whose scales are importance factors; also tells which tokens are alive.

  A token with a factor of exactly zero takes no further part (it is no key and reaches no output), so that it can be
  removed without changing the function. Without that, its constant map would still draw attention.
  """

  def call(self, inputs: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
    """[batch, height, width, tokens] -> (the same, normalised; [tokens] with 1 for alive and 0 for dead)."""
    return super().call(inputs, training=training), tf.cast(tf.not_equal(self.gamma, 0.0), inputs.dtype)

  def compute_output_shape(self, input_shape: tf.TensorShape) -> tuple:
    """Shapes of the two outputs."""
    return input_shape, input_shape[-1:]


def _standardised(size: int) -> tf.Tensor:
  positions = tf.cast(tf.range(size), tf.float32)
  centred = positions - (size - 1) / 2
  return centred / tf.maximum(tf.math.reduce_std(positions), 1e-6)
