"""MobileNetV3 small, minimalistic."""

import tf_keras as keras

from st_tf.models.families._mobilenet_v3 import mobilenet_v3

FAMILY = mobilenet_v3(
  keras.applications.MobileNetV3Small, 'small_minimalistic', 1.0, '99cd97fb2fcdad2bf028eb838de69e37', 'cde8136e733e811080d9fcd8a252f7e4'
)
