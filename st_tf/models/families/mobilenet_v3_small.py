"""MobileNetV3 small, with gates and hard swish, of two widths."""

import tf_keras as keras

from st_tf.models.families import Size, Sizes
from st_tf.models.families._mobilenet_v3 import mobilenet_v3

_DIGESTS = {
  0.75: ('cb65d4e5be93758266aa0a7f2c6708b7', 'ebdb5cc8e0b497cd13a7c275d475c819'),
  1.0: ('8768d4c2e7dee89b9d02b2d03d65d862', 'd3e8ec802a04aa4fc771ee12a9a9b836'),
}

FAMILY = Sizes(
  lambda width: mobilenet_v3(keras.applications.MobileNetV3Small, 'small', width, *_DIGESTS[width]),
  (Size('width', tuple(_DIGESTS), 1.0),),
)
