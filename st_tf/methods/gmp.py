"""Gradual magnitude pruning with tfmot's own wrappers and schedule: the peer that is in every TensorFlow user's hands."""

from st_tf import gradual

plan = gradual.plan
trainer = gradual.trainer
draw = gradual.prune_gradually
