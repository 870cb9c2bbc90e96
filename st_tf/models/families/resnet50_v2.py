"""ResNet-50 of the second version (He et al., ECCV 2016)."""

import tf_keras as keras

from st_tf.models.families._applications import application, at

_FILES = at(
  'resnet',
  ('resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5', 'fac2f116257151a9d068a22e544a4917'),
  ('resnet50v2_weights_tf_dim_ordering_tf_kernels.h5', '3ef43a0b657b3be2300d5770ece849e0'),
)

FAMILY = application(keras.applications.ResNet50V2, 'signed', lambda image_size: _FILES)
