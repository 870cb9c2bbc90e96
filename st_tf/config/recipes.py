"""The paper's four training recipes by name: settings that stand in the place of the defaults. A flag that is given wins.

SuperTickets (ECCV 2022, section 4) trains the supernets of HR-NAS (CVPR 2021) on four data sets. Values are those of the reference's
configurations; what is ours is marked. None of the recipes was run by us.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

from st_tf.arch.specs import HeadSpec
from st_tf.config.duration import epochs, share
from st_tf.config.fields import ConfigError, shown
from st_tf.errors import did_you_mean


@dataclasses.dataclass(frozen=True)
class Recipe:
  """Settings for one data set, and what must be known of it to plan a run without its data.

  Attributes:
    settings: by the names of their flags; what is missing keeps its default.
    metric: `primary_metric` of the tasks that the recipe fits.
    head: what the network's end looks like on the recipe's own task.
    sizes: examples per split of the recipe's own task, as published.
  """

  settings: Mapping[str, Any]
  metric: str
  head: HeadSpec
  sizes: Mapping[str, int]

  @property
  def task(self) -> str:
    """The recipe's own task."""
    return self.settings['task']


_ALL = {
  # Progressive pruning (section 3): the k-th ranking removes k tenths, over all layers but the last.
  'sparsity': (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98),
  'pruning_schedule': 'stepwise',
  'prune_stem': True,
  'prune_depthwise': True,
  'ranking': 'global',
  # Ours: of the three reactivations the one that the reference's code comes to. docs/reactivations.md compares them.
  'reactivation': 'masked',
  # The penalty is a part of the loss and acts as it is, without a target (HR-NAS, section 3.3).
  'target_macs': 0.0,
  'factor_step': 'subgradient',
  'dead_below': 1e-3,
  'penalty_ramp': epochs(25.0),
  'ema_decay': 0.9999,
  'recalibration_batches': 10,
  'label_smoothing': 0.0,
}

# The reference's AdamW does not decay by itself, its L2 is a part of the loss: that is Adam. So large a rate needs its epsilon.
# Label smoothing is HR-NAS's for ImageNet alone.
_DENSE = {
  'optimizer': 'adam',
  'optimizer_epsilon': 1e-3,
  'weight_decay': 1e-5,
  'penalty': 1.4e-4,
  'learning_rate': 0.04,
  'learning_rate_schedule': 'one_cycle',
}

# `prune_end` and `search_end` are fractions, so that another number of epochs keeps their proportions. Ours: the reference searches and
# ranks to its last epoch; here both end with a ranking, and what follows trains the final mask. `minimum_saving` is 10^6 MACs.
RECIPES = {
  'imagenet': Recipe(
    _ALL
    | {
      'task': 'imagenet',
      'supernet': 'hrnas',
      'image_size': 224,
      'epochs': 350,
      'batch_size': 512,
      # 0.016 per 256 images.
      'optimizer': 'rmsprop',
      'momentum': 0.9,
      'optimizer_epsilon': 1e-3,
      'learning_rate': 0.032,
      'weight_decay': 1e-5,
      'learning_rate_schedule': 'step',
      'learning_rate_decay': 0.97,
      'decay_interval': epochs(2.4),
      'warmup': epochs(5.0),
      'label_smoothing': 0.1,
      'penalty': 1.8e-4,
      'search_interval': epochs(10.0),
      'minimum_saving': 4e-4,
      'prune_begin': epochs(25.0),
      'prune_interval': epochs(25.0),
      'prune_end': share(300 / 350),
      'search_end': share(300 / 350),
    },
    'top1',
    HeadSpec('classification', 1000),
    # Ours: 10,000 drawn pictures of train are the validation split, and the official validation split is the test.
    {'train': 1_271_167, 'validation': 10_000, 'test': 50_000},
  ),
  'cityscapes': Recipe(
    _ALL
    | _DENSE
    | {
      'task': 'cityscapes',
      'supernet': 'hrnas_cityscapes',
      'image_size': 512,
      'image_width': 1024,
      'epochs': 430,
      'batch_size': 32,
      'search_interval': epochs(10.0),
      'minimum_saving': 2e-5,
      'prune_begin': epochs(25.0),
      'prune_interval': epochs(25.0),
      'prune_end': share(375 / 430),
      'search_end': share(375 / 430),
    },
    'miou',
    HeadSpec('dense', 19),
    # A tenth of the 2,975 is the validation split here and below, the official validation split the test.
    {'train': 2_677, 'validation': 298, 'test': 500},
  ),
  'ade20k': Recipe(
    _ALL
    | _DENSE
    | {
      'task': 'ade20k',
      'supernet': 'hrnas_ade20k',
      'image_size': 512,
      'epochs': 200,
      'batch_size': 64,
      'search_interval': epochs(25.0),
      'minimum_saving': 3e-5,
      'prune_begin': epochs(15.0),
      'prune_interval': epochs(15.0),
      'prune_end': share(165 / 200),
      'search_end': share(165 / 200),
    },
    'miou',
    HeadSpec('dense', 150),
    {'train': 18_189, 'validation': 2_021, 'test': 2_000},
  ),
  'coco': Recipe(
    _ALL
    | {
      'task': 'coco',
      'supernet': 'hrnas_coco',
      'image_size': 256,
      'image_width': 192,
      'epochs': 210,
      'batch_size': 384,
      'optimizer': 'adam',
      'optimizer_epsilon': 1e-8,
      'weight_decay': 1e-8,
      'initial_deviation': 1e-3,
      'learning_rate': 1e-3,
      'learning_rate_schedule': 'milestones',
      'learning_rate_decay': 0.1,
      'learning_rate_milestones': (epochs(170.0), epochs(200.0)),
      'warmup': share(0.0),
      'penalty': 1e-6,
      'search_interval': epochs(30.0),
      'minimum_saving': 2e-4,
      'prune_begin': epochs(15.0),
      'prune_interval': epochs(15.0),
      'prune_end': share(165 / 210),
      'search_end': share(165 / 210),
    },
    'ap',
    HeadSpec('dense', 17),
    # People, not pictures: about nine tenths of the 149,813 in train2017, since the tenth is drawn from the pictures.
    {'train': 134_832, 'validation': 14_981, 'test': 6_352},
  ),
}


def combine(name: str, given: Mapping[str, Any], scale_with_batch: bool = False) -> tuple[dict[str, Any], list[str]]:
  """What a recipe and the flags beside it come to.

  Args:
    name: of the recipe.
    given: settings that the user has given; they win.
    scale_with_batch: whether the learning rate scales linearly with `given['batch_size']` (Goyal et al., 2017, section 2.1).

  Returns:
    The settings by flag name, and in words what the user should know of them.

  Raises:
    ConfigError: no such recipe, or a learning rate that is both given and scaled.
  """
  if name not in RECIPES:
    raise ConfigError(f'--recipe is one of {", ".join(RECIPES)}. Received: {name!r}.{did_you_mean(name, RECIPES)}')
  own = dict(RECIPES[name].settings)
  rate, batch, wanted = own['learning_rate'], own['batch_size'], given.get('batch_size', own['batch_size'])
  notes = []
  if scale_with_batch and 'learning_rate' in given:
    raise ConfigError(
      f"--scale_with_batch scales the recipe's learning rate. Received: --learning_rate={given['learning_rate']:g} too. Leave out one."
    )
  if scale_with_batch:
    own['learning_rate'] = rate * wanted / batch
    notes.append(f'learning rate {own["learning_rate"]:g}: {rate:g} for batches of {batch}, scaled to {wanted}')
  elif wanted != batch and 'learning_rate' not in given:
    notes.append(f'learning rate {rate:g} is for batches of {batch}, not {wanted}; --scale_with_batch scales it')
  return own | dict(given), notes


def check_fits(name: str, task: str, metric: str) -> None:
  """Refuses a task of another kind than the recipe's.

  Args:
    name: of the recipe.
    task: what messages call the task.
    metric: the score that decides on it.

  Raises:
    ConfigError: naming the recipes that fit.
  """
  recipe = RECIPES[name]
  if metric != recipe.metric:
    fitting = [f'--recipe={other}' for other, known in RECIPES.items() if known.metric == metric]
    way_out = f'Use {" or ".join(fitting)}, or none.' if fitting else 'Use none.'
    raise ConfigError(f'--recipe={name} is for tasks scored by {recipe.metric}. Received: --task={task}, scored by {metric}. {way_out}')


def explained(name: str, message: str) -> str:
  """A message about a task's settings, with the word of where sizes of images come from that the user has not given."""
  recipe = RECIPES[name]
  sizes = ' '.join(f'--{key}={shown(recipe.settings[key])}' for key in ('image_size', 'image_width') if key in recipe.settings)
  return f'{message} (--recipe={name} is for tasks scored by {recipe.metric} and sets {sizes}.)' if '--image_' in message else message
