"""EfficientNetV2-B0 (Tan and Le, ICML 2021), without the dropping of whole blocks in training."""

import functools

import tf_keras as keras

from st_tf.models.families._applications import application, at

_FILES = at(
  'efficientnet_v2',
  ('efficientnetv2-b0_notop.h5', '893217f2bb855e2983157299931e43ff'),
  ('efficientnetv2-b0.h5', '21ecbf6da12460d5c40bb2f29ceb2188'),
)

FAMILY = application(
  functools.partial(keras.applications.EfficientNetV2B0, include_preprocessing=False), 'imagenet', lambda image_size: _FILES
)
