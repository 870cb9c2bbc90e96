"""Gradual magnitude pruning with tfmot's own wrappers and schedule: the peer that is in every TensorFlow user's hands."""

from st_tf.config import PRUNED_LAYERS
from st_tf.methods import _gradual as gradual

READS = (*PRUNED_LAYERS, 'prune_begin', 'prune_end', 'prune_interval')
PRUNING = "by tfmot's prune_low_magnitude, layer by layer"

plan = gradual.plan
trainer = gradual.trainer
draw = gradual.prune_gradually
