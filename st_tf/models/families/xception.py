"""Xception (Chollet, CVPR 2017)."""

import tf_keras as keras

from st_tf.models.families._applications import application, at

_FILES = at(
  'xception',
  ('xception_weights_tf_dim_ordering_tf_kernels_notop.h5', 'b0042744bf5b25fce3cb969f33bebb97'),
  ('xception_weights_tf_dim_ordering_tf_kernels.h5', '0a58e3b7378bc2990ea3b43d5981f1f6'),
)

FAMILY = application(keras.applications.Xception, 'signed', lambda image_size: _FILES, 299)
