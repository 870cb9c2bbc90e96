"""Gradual magnitude pruning with tfmot's own wrappers and schedule: the peer that is in every TensorFlow user's hands."""

from st_tf import gradual

PRUNING = "by tfmot's prune_low_magnitude, layer by layer"

plan = gradual.plan
trainer = gradual.trainer
draw = gradual.prune_gradually
