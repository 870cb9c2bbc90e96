"""EfficientNet-Lite4."""

from st_tf.models.families._efficientnet_lite import efficientnet_lite

FAMILY = efficientnet_lite(1.4, 1.8, 0.3, 300)
