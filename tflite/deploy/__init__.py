"""The deployment graph: a ticket's network in the form that mobile runtimes run fast."""

import tf_keras as keras

from tflite.deploy.fold import fold_affines
from tflite.deploy.graph import Graph
from tflite.deploy.lower import lower
from tflite.deploy.simplify import crop_kernels, split_concats, unstride_pointwise
from tflite.deploy.units import remove_units

PASSES = (fold_affines, split_concats, unstride_pointwise, crop_kernels, remove_units, fold_affines)


def deployed(model: keras.Model) -> Graph:
  """The deployment graph of a plain Keras model; the same function up to rounding.

  Raises:
    LoweringError: the model has a layer that deployment graphs do not have.
  """
  graph = lower(model)
  for rewrite in PASSES:
    graph = rewrite(graph)
  return graph
