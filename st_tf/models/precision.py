"""What layers compute in: where it is half precision their variables stay float32, and so do a network's outputs."""

from collections.abc import Iterator
import contextlib

import tf_keras as keras

WHOLE = 'float32'


@contextlib.contextmanager
def computed_in(precision: str) -> Iterator[None]:
  """Within it layers are built that compute in `precision`, one of `config.groups.PRECISIONS`."""
  before = keras.mixed_precision.global_policy()
  keras.mixed_precision.set_global_policy(precision)
  try:
    yield
  finally:
    keras.mixed_precision.set_global_policy(before)


@contextlib.contextmanager
def not_halved() -> Iterator[None]:
  """Within it layers are built that compute in float32 where others do in half precision."""
  with computed_in(WHOLE) if _is_half() else contextlib.nullcontext():
    yield


def _is_half() -> bool:
  return keras.mixed_precision.global_policy().compute_dtype in ('float16', 'bfloat16')
