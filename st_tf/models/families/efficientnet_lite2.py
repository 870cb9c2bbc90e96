"""EfficientNet-Lite2."""

from st_tf.models.families._efficientnet_lite import efficientnet_lite

FAMILY = efficientnet_lite(1.1, 1.2, 0.3, 260)
