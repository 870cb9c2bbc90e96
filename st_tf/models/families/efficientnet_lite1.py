"""EfficientNet-Lite1."""

from st_tf.models.families._efficientnet_lite import efficientnet_lite

FAMILY = efficientnet_lite(1.0, 1.1, 0.2, 240)
