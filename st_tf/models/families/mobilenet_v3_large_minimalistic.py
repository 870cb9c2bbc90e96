"""MobileNetV3 large, minimalistic."""

import tf_keras as keras

from st_tf.models.families._mobilenet_v3 import mobilenet_v3

FAMILY = mobilenet_v3(
  keras.applications.MobileNetV3Large, 'large_minimalistic', 1.0, '675e7b876c45c57e9e63e6d90a36599c', 'ec5221f64a2f6d1ef965a614bdae7973'
)
