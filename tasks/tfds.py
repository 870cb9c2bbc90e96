"""Any classification set of tensorflow-datasets: `--task=tfds:NAME`."""

from st_tf.task import DataConfig, Task
from tasks import _tfds

TAKES_ARGUMENT = True


def load(argument: str, config: DataConfig) -> Task:
  """The set called `argument`, as tensorflow-datasets writes it: 'NAME', 'NAME/CONFIG' or 'NAME:VERSION'.

  Raises:
    TaskError: no such set, none of classification, or neither data nor network.
  """
  return _tfds.load(f'tfds:{argument}', argument, config)
