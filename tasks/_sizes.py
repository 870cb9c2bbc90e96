"""How large the pictures are that a network reads: what the flags say, or the task."""

from st_tf.task import DataConfig, TaskError

_SMALLEST_SIDE = 8
_SMALLEST_SIDE_OF_MAPS = 16


def side(config: DataConfig, default: int) -> int:
  """Side of square pictures in pixels: the flag's, or the task's own.

  Raises:
    TaskError: smaller than any network takes.
  """
  if config.image_size and config.image_size < _SMALLEST_SIDE:
    raise TaskError(f"--image_size is at least {_SMALLEST_SIDE} pixels; 0 = the task's own. Received: {config.image_size}.")
  return config.image_size or default


def shape(config: DataConfig, default: tuple[int, int]) -> tuple[int, int]:
  """(height, width) in pixels of pictures that become maps: the flags', or the task's own.

  Raises:
    TaskError: smaller than any network takes, or a width without a height.
  """
  if config.image_width and not config.image_size:
    raise TaskError(f'--image_width goes with --image_size, the height. Received: --image_width={config.image_width} alone.')
  given = (config.image_size, config.image_width or config.image_size) if config.image_size else default
  if min(given) < _SMALLEST_SIDE_OF_MAPS:
    raise TaskError(f"--image_size and --image_width are at least {_SMALLEST_SIDE_OF_MAPS} pixels; 0 = the task's own. Received: {given}.")
  return given
