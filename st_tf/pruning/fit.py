"""Rankings applied to a model in pruning wrappers."""

from collections.abc import Callable, Mapping

import numpy as np
from tensorflow_model_optimization.python.core.sparsity.keras import prune, prune_registry, pruning_wrapper
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_schedule import PruningSchedule
import tf_keras as keras

from st_tf.models import cost
from st_tf.pruning.mask import Mask
from st_tf.pruning.ranking import RankingError, rank, thresholds
from st_tf.pruning.wrapper import RegrowthPruning, current_mask, prunable, set_masks


def wrap_layers(
  schedule: PruningSchedule,
  reactivation: str,
  damping: float = 0.1,
  skip: Callable[[keras.layers.Layer], bool] = lambda layer: False,
  unit_slope: bool = False,
) -> Callable[[keras.layers.Layer], keras.layers.Layer]:
  """A function that wraps a layer when it has prunable weights and `skip` does not leave it out."""

  def wrapped(layer: keras.layers.Layer) -> keras.layers.Layer:
    wrapper = RegrowthPruning(layer, schedule, reactivation, damping, unit_slope)
    wrapper.own_names = False
    return wrapper

  return _wrapping(wrapped, skip)


def wrap_as_tfmot(
  schedule: PruningSchedule, skip: Callable[[keras.layers.Layer], bool]
) -> Callable[[keras.layers.Layer], keras.layers.Layer]:
  """As `wrap_layers`, with the wrappers of tfmot's `prune_low_magnitude`, which rank each layer by itself inside the training step."""
  return _wrapping(lambda layer: prune.prune_low_magnitude(layer, schedule), skip)


def _wrapping(
  wrapper: Callable[[keras.layers.Layer], keras.layers.Layer], skip: Callable[[keras.layers.Layer], bool]
) -> Callable[[keras.layers.Layer], keras.layers.Layer]:
  def wrap_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    supported = isinstance(layer, keras.layers.DepthwiseConv2D) or hasattr(layer, 'get_prunable_weights')
    if not supported and isinstance(layer, (keras.layers.Conv2D, keras.layers.Conv1D, keras.layers.Dense)):
      supported = prune_registry.PruneRegistry.supports(layer)
    if not supported or isinstance(layer, pruning_wrapper.PruneLowMagnitude) or skip(layer):
      return layer
    return wrapper(layer)

  return wrap_layer


def may_return(schedule: PruningSchedule, step: int) -> bool:
  """Whether pruned weights may come back at `step`; always, under a schedule that does not say."""
  return schedule.may_return(step) if hasattr(schedule, 'may_return') else True


def is_closed(schedule: PruningSchedule, step: int) -> bool:
  """Whether the ranking after `step` brings no weight back, so that pruned weights have nothing to move for."""
  return hasattr(schedule, 'next_event') and not schedule.may_return(schedule.next_event(step))


def is_last(schedule: PruningSchedule, step: int) -> bool:
  """Whether the event at `step` is the schedule's last; never, under a schedule without an end."""
  return 0 <= getattr(schedule, 'end_step', -1) <= step


def magnitudes(model: keras.Model) -> dict[str, np.ndarray]:
  """|w| of the prunable weights of a wrapped model, by name."""
  return {name: np.abs(wrapper.dense(index).numpy()) for name, (wrapper, index) in prunable(model).items()}


def macs_per_weight(model: keras.Model) -> dict[str, float]:
  """What each prunable weight of a wrapped model costs per image, by weight name: where a map is large, a weight is used often.

  Raises:
    RankingError: it is a weight of a layer whose MACs nobody counts.
    SpecError: an image size is free.
  """
  layers = {layer.name: layer.macs for layer in cost.of(model).layers}
  prices = {}
  for name, (wrapper, _) in prunable(model).items():
    macs = layers.get(wrapper.layer.name, 0)
    if not macs:
      raise RankingError(
        f'A ranking by MACs knows what a weight costs. Received: {name} of {type(wrapper.layer).__name__}, whose MACs are not counted.'
        ' Use the ranking erk.'
      )
    prices[name] = macs / sum(variable.shape.num_elements() for variable in cost.kernels(wrapper.layer))
  return prices


def ranked(model: keras.Model, scores: Mapping[str, np.ndarray], sparsity: float, ranking: str, floor: float) -> Mask:
  """The mask of a ranking of all prunable weights; nothing changes.

  Args:
    model: a wrapped model.
    scores: what is ranked, by weight name.
    sparsity: fraction of the prunable weights to remove.
    ranking: see `rank`.
    floor: see `rank`.

  Raises:
    RankingError: the floors do not allow the sparsity.
  """
  return rank(scores, sparsity, ranking, floor, macs_per_weight(model) if ranking == 'macs' else None)


def apply_ranking(
  model: keras.Model,
  sparsity: float,
  ranking: str,
  floor: float,
  scores: Mapping[str, np.ndarray] | None = None,
  returning: bool = True,
  closed: bool = False,
) -> Mask:
  """Ranks all prunable weights and sets the model's masks.

  Args:
    model: a wrapped model.
    sparsity: fraction of the prunable weights to remove.
    ranking: see `rank`.
    floor: see `rank`.
    scores: what is ranked, none negative, by weight name; None = the model's own magnitudes.
    returning: whether pruned weights compete again; else the new mask lies within the old one, unless so many kept weights
      have gone with their units that the strongest others are needed to have the sparsity.
    closed: whether the next ranking will bring none back, so that pruned weights stay as they are until then.

  Returns:
    The new mask.

  Raises:
    RankingError: the floors do not allow the sparsity.
  """
  scores = magnitudes(model) if scores is None else scores
  before = current_mask(model)
  competing = scores
  if not returning:
    beyond = 1.0 + max(float(value.max(initial=0.0)) for value in scores.values())
    competing = {name: np.where(before[name], value, value - beyond) for name, value in scores.items()}
  mask = ranked(model, competing, sparsity, ranking, floor)
  set_masks(model, mask, thresholds(scores, mask, ranking), scores, closed)
  return mask


def hold_mask(model: keras.Model, mask: Mask) -> None:
  """Makes `mask` the final mask of a wrapped model.

  Raises:
    RankingError: it covers other weights than those that are wrapped.
  """
  own = current_mask(model)
  shapes, wanted = ({name: kept.shape for name, kept in each.items()} for each in (mask, own))
  odd = next((name for name in sorted({*shapes, *wanted}) if shapes.get(name) != wanted.get(name)), None)
  if odd is not None:
    raise RankingError(
      f'A mask covers the weights that are pruned, in their shapes. Received: {shapes.get(odd, "none")} for {odd}, which'
      f' {f"is {wanted[odd]}" if odd in wanted else "is not pruned"} here.'
      ' Take a task with as many outputs as the one that the mask was drawn for.'
    )
  set_masks(model, mask, dict.fromkeys(mask, 0.0), magnitudes(model), final=True)
