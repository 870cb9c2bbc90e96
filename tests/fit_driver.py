"""Fits of a wrapped model on two logical CPUs, which only a process has that asks for them first; prints what they end with, as JSON."""

import json
import math

import numpy as np
import tensorflow as tf
from tensorflow_model_optimization.python.core.sparsity.keras import prune
import tf_keras as keras

from st_tf.config import REACTIVATIONS
from st_tf.pruning import Cubic, Regrowth, wrap
from st_tf.pruning.wrapper import current_mask, wrappers
from tests import fits


def trained(reactivation: str) -> dict:
  """What a fit in two parts, with weights that are put back at its end, ends with."""
  with tf.distribute.MirroredStrategy(['cpu:0', 'cpu:1']).scope():
    inputs = keras.Input([6, 6, 3])
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, name='first')(inputs))
    model = fits.compiled(wrap(keras.Model(inputs, keras.layers.Dense(3, name='dense')(x)), Cubic(0.8, 0, 9, 2), reactivation))
  fits.fit(model, [Regrowth()], epochs=1)
  fits.fit(model, [Regrowth()], epochs=1)
  images = fits.examples()[0]
  apart = [not np.array_equal(*(part.numpy() for part in variable.values)) for variable in model.trainable_variables]
  return {
    'replicas_differ': any(apart),
    'zeros': fits.zeros(model),
    'expected': math.floor(0.8 * current_mask(model).size),
    'strip_error': float(np.abs(prune.strip_pruning(model)(images) - model(images)).max()),
    'steps': int(wrappers(model)[0].pruning_step.numpy()),
  }


def main() -> None:
  """Runs all."""
  cpu = tf.config.list_physical_devices('CPU')[0]
  tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
  print(json.dumps({reactivation: trained(reactivation) for reactivation in REACTIVATIONS}))


if __name__ == '__main__':
  main()
