"""A task without data: what a recipe's own task would be, so that a run on it can be planned where the data is not."""

from typing import Any, NoReturn

import numpy as np

from st_tf.config.recipes import Recipe
from st_tf.task import DataConfig, Metrics, Sample, Task, TaskError


class StandIn(Task):
  """The head, the image size and the published numbers of examples of a recipe's own task; everything else is refused."""

  mean, deviation = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)

  def __init__(self, recipe: Recipe, config: DataConfig):
    """Reads nothing.

    Args:
      recipe: whose task.
      config: `image_size`, `image_width` and `train_examples` count; 0 = the recipe's.

    Raises:
      TaskError: more training examples than there are.
    """
    own = recipe.settings
    height = config.image_size or own['image_size']
    width = config.image_width or (height if config.image_size else own.get('image_width', height))
    self.name, self.head, self.primary_metric = recipe.task, recipe.head, recipe.metric
    self.image_size, self.labels = (height, width), tuple(map(str, range(recipe.head.outputs)))
    self.default_supernet = own['supernet']
    have, wanted = recipe.sizes['train'], config.train_examples
    if wanted > have:
      raise TaskError(f'--train_examples is at most the {have} training examples of {self.name}; 0 = all. Received: {wanted}.')
    self.sizes = dict(recipe.sizes) | {'train': wanted or have}

  def dataset(
    self,
    split: str,
    batch_size: int,
    *,
    training: bool = False,
    seed: int = 0,
    epoch: int = 0,
    start_batch: int = 0,
    share: tuple[int, int] = (0, 1),
  ) -> NoReturn:
    """Refuses; as all that follow.

    Raises:
      TaskError: always.
    """
    self._refuse()

  def loss(self, targets: Any, outputs: Any, label_smoothing: float = 0.0) -> NoReturn:
    """Refuses."""
    self._refuse()

  def metrics(self) -> Metrics:
    """Refuses."""
    self._refuse()

  def sample(self, image: np.ndarray, target: np.ndarray, output: np.ndarray) -> Sample:
    """Refuses."""
    self._refuse()

  def _refuse(self) -> NoReturn:
    raise TaskError(f'Training needs data. Received: {self.name} as a plan without any. Give --data_dir=FOLDER.')
