"""Gradual magnitude pruning with tfmot's own wrappers and schedule: the peer that is in every TensorFlow user's hands."""

from st_tf.config import PRUNED_LAYERS
from st_tf.methods import _gradual as gradual
from st_tf.methods._method import Method, one_training

METHOD = Method(
  plan=gradual.plan,
  draw=gradual.prune_gradually,
  reads=(*PRUNED_LAYERS, 'prune_begin', 'prune_end', 'prune_interval'),
  trainings=one_training,
  pruning="by tfmot's prune_low_magnitude, layer by layer",
  trainer=gradual.trainer,
)
