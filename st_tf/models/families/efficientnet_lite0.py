"""EfficientNet-Lite0."""

from st_tf.models.families._efficientnet_lite import efficientnet_lite

FAMILY = efficientnet_lite(1.0, 1.0, 0.2, 224)
