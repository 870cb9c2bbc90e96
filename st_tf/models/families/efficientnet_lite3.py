"""EfficientNet-Lite3."""

from st_tf.models.families._efficientnet_lite import efficientnet_lite

FAMILY = efficientnet_lite(1.2, 1.4, 0.3, 280)
