"""The ways to get a ticket: a file for each, which defines it as METHOD; no method imports another."""

from typing import TYPE_CHECKING

from st_tf import plugins
from st_tf.config import METHODS, ConfigError
from st_tf.errors import did_you_mean

if TYPE_CHECKING:  # It brings TensorFlow, which commands load after they have read their flags.
  from st_tf.methods._method import Method


def named(name: str) -> 'Method':
  """The method of that `--method`.

  Raises:
    ConfigError: there is none.
  """
  if name not in METHODS:
    raise ConfigError(f'A method is one of {", ".join(METHODS)}. Received: {name!r}.{did_you_mean(name, METHODS)}')
  return plugins.load(__name__, name, 'METHOD')
