"""Which layers of anybody's model are pruned, by which of their weights, and why the others are not."""

import tensorflow as tf
import tf_keras as keras

from st_tf.models.variables import short_name

_LAYERS = keras.layers
# Subclasses too, transposed convolutions among them.
_KERNELS = (
  ((_LAYERS.Dense, _LAYERS.Conv1D, _LAYERS.Conv2D, _LAYERS.Conv3D), 'kernel'),
  ((_LAYERS.SeparableConv1D, _LAYERS.SeparableConv2D), 'pointwise_kernel'),
  ((_LAYERS.DepthwiseConv1D, _LAYERS.DepthwiseConv2D), 'depthwise_kernel'),
)
_REASONS = (
  (
    _LAYERS.TimeDistributed,
    'what TimeDistributed applies is a layer inside it: apply a dense layer as it is, put time into the batch for others',
  ),
  (_LAYERS.Bidirectional, 'the weights of recurrent layers are not pruned'),
  (_LAYERS.RNN, 'the weights of recurrent layers are not pruned'),
  (_LAYERS.Wrapper, 'what it wraps is a layer inside it'),
  (_LAYERS.MultiHeadAttention, 'its projections are layers inside it'),
  (_LAYERS.Embedding, 'rows of an embedding are looked up and not multiplied'),
)


def make_prunable(layer: keras.layers.Layer) -> None:
  """Lets a layer tell its prunable weights, as tfmot asks for them, where its kind is known; its own answer stays."""
  name = _kernel_of(layer)
  if name and not hasattr(layer, 'get_prunable_weights'):
    layer.get_prunable_weights = lambda: [getattr(layer, name)]


def dense_weights(layer: keras.layers.Layer) -> list[str]:
  """Names of the kernels that stay dense in a pruned layer."""
  pruned = {id(weight) for weight in _prunable(layer)}
  return [short_name(weight) for weight in _kernels(layer) if id(weight) not in pruned]


def why_dense(layer: keras.layers.Layer) -> str | None:
  """Why no weight of a built layer can be pruned; '' where one can, None where there is none to prune."""
  if not _kernels(layer):
    return None
  weights = _prunable(layer)
  if weights:
    own = {id(value) for value in vars(layer).values()}
    if any(id(weight) not in own for weight in weights):
      return 'its prunable weights are not attributes of its own'
    names = [short_name(weight) for weight in weights]
    return '' if len(set(names)) == len(names) else 'its prunable weights share a name'
  for kind, reason in _REASONS:
    if isinstance(layer, kind):
      return reason
  return 'pruning knows no kernel of its kind: let its method get_prunable_weights return a list of its variables'


def _kernel_of(layer: keras.layers.Layer) -> str | None:
  return next((name for kinds, name in _KERNELS if isinstance(layer, kinds)), None)


def _kernels(layer: keras.layers.Layer) -> list[tf.Variable]:
  """Variables that are trained and have at least two axes, whether the layer is frozen or not."""
  return [weight for weight in layer.weights if weight.trainable and len(weight.shape) > 1]


def _prunable(layer: keras.layers.Layer) -> list[tf.Variable]:
  if hasattr(layer, 'get_prunable_weights'):
    return list(layer.get_prunable_weights())
  name = _kernel_of(layer)
  found = vars(layer).get(name) if name else None
  return [weight for weight in layer.weights if weight is found]
