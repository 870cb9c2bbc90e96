"""Builders of networks, each one flat functional graph."""

from st_tf.models.high_resolution import build
from st_tf.models.variables import named_variables
