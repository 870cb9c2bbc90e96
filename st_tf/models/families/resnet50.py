"""ResNet-50 (He et al., CVPR 2016)."""

import tf_keras as keras

from st_tf.models.families._applications import BGR, application, at

_FILES = at(
  'resnet',
  ('resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5', '4d473c1dd8becc155b73f8504c6f6626'),
  ('resnet50_weights_tf_dim_ordering_tf_kernels.h5', '2cb95161c43110f7111970584f804107'),
)

FAMILY = application(keras.applications.ResNet50, BGR, lambda image_size: _FILES)
