"""MobileNetV3 large, with gates and hard swish, of two widths."""

import tf_keras as keras

from st_tf.models.families import Size, Sizes
from st_tf.models.families._mobilenet_v3 import mobilenet_v3

_DIGESTS = {
  0.75: ('765b44a33ad4005b3ac83185abf1d0eb', '40af19a13ebea4e2ee0c676887f69a2e'),
  1.0: ('59e551e166be033d707958cf9e29a6a7', '07fb09a5933dd0c8eaafa16978110389'),
}

FAMILY = Sizes(
  lambda width: mobilenet_v3(keras.applications.MobileNetV3Large, 'large', width, *_DIGESTS[width]),
  (Size('width', tuple(_DIGESTS), 1.0),),
)
