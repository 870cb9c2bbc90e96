"""DenseNet-121 (Huang et al., CVPR 2017)."""

import tf_keras as keras

from st_tf.models.families._applications import application, at

_FILES = at(
  'densenet',
  ('densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5', '30ee3e1110167f948a6b9946edeeb738'),
  ('densenet121_weights_tf_dim_ordering_tf_kernels.h5', '9d60b8095a5708f2dcce2bca79d332c7'),
)

FAMILY = application(keras.applications.DenseNet121, 'imagenet', lambda image_size: _FILES)
