"""CIFAR-10 (Krizhevsky 2009): 32x32 photographs of 10 classes."""

from st_tf.task import DataConfig, Task
from tasks import _tfds


def load(argument: str, config: DataConfig) -> Task:
  """CIFAR-10 from tensorflow-datasets; `argument` is empty.

  Raises:
    TaskError: neither data nor network.
  """
  del argument
  return _tfds.load('cifar10', 'cifar10', config)
