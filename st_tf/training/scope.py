"""Which layers a training prunes, and which it leaves as they are."""

from collections.abc import Callable, Collection
import dataclasses

from tensorflow_model_optimization.python.core.sparsity.keras.pruning_schedule import PruningSchedule
import tf_keras as keras

from st_tf.config import PruningConfig
from st_tf.models.high_resolution import CLASSIFIER, HEAD, SKIP, STEM
from st_tf.pruning.fit import wrap_as_tfmot, wrap_layers


@dataclasses.dataclass(frozen=True)
class Scope:
  """The layers of a training.

  Attributes:
    prunable: names of the kernels, 'layer/variable', that may be pruned; None = as the settings say.
    returning: whether pruned layers are in our wrappers, whose weights can come back; else in tfmot's own.
    is_frozen: whether the layer of that name is not trained; its batch norms keep their statistics too.
  """

  prunable: Collection[str] | None = None
  is_frozen: Callable[[str], bool] = lambda name: False
  returning: bool = True

  def stays_dense(self, layer: keras.layers.Layer, pruning: PruningConfig) -> bool:
    """Whether no weight of the layer is pruned."""
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    if self.prunable is not None:
      return f'{layer.name}/{"depthwise_kernel" if depthwise else "kernel"}' not in self.prunable
    if depthwise:
      return not pruning.prune_depthwise
    if layer.name.endswith(SKIP) and not pruning.prune_skip:  # First: the head has skips of its own.
      return True
    if layer.name.startswith(f'{STEM}/'):
      return not pruning.prune_stem
    if layer.name.startswith(HEAD) and layer.name != CLASSIFIER:
      return not pruning.prune_head
    return layer.name == CLASSIFIER and not pruning.prune_classifier

  def wrapping(self, schedule: PruningSchedule | None, pruning: PruningConfig) -> Callable[[keras.layers.Layer], keras.layers.Layer]:
    """What puts a layer into its pruning wrapper; none without a schedule."""
    if schedule is None:
      return lambda layer: layer

    def skip(layer: keras.layers.Layer) -> bool:
      return self.stays_dense(layer, pruning)

    if self.returning:
      return wrap_layers(schedule, pruning.reactivation, pruning.damping, skip, pruning.unit_slope)
    return wrap_as_tfmot(schedule, skip)

  def trains(self, variable: str) -> bool:
    """Whether the variable of that name, 'layer/variable', may be trained."""
    return not self.is_frozen(variable.rsplit('/', 1)[0])


EVERYTHING = Scope()
