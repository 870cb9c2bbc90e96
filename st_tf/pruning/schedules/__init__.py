"""How sparsity rises over training: a file for each schedule, which defines it as SCHEDULE."""

from collections.abc import Mapping
import importlib
from typing import Any

from tensorflow_model_optimization.python.core.sparsity.keras import pruning_schedule
import tf_keras as keras

from st_tf import plugins
from st_tf.errors import UserError
from st_tf.pruning.schedules._schedule import RegrowthSchedule, Window

_OF_TFMOT = ('PolynomialDecay', 'ConstantSparsity')


def named(name: str) -> type[RegrowthSchedule]:
  """The schedule of that `--pruning_schedule`.

  Raises:
    UserError: there is none.
  """
  return plugins.load(__name__, name, 'SCHEDULE')


def described(config: Mapping[str, Any]) -> pruning_schedule.PruningSchedule:
  """The schedule that `get_config` has described, one of this folder, of tfmot's own or of Keras's custom objects.

  Raises:
    UserError: it is of another class.
  """
  modules = [importlib.import_module(f'{__name__}.{name}') for name in plugins.names(__name__, private=True)]
  known = {module.SCHEDULE.__name__: module.SCHEDULE for module in modules if hasattr(module, 'SCHEDULE')}
  known |= {name: getattr(pruning_schedule, name) for name in _OF_TFMOT}
  kind = config['class_name']
  schedule = known.get(kind) or keras.saving.get_registered_object(kind)
  if schedule is None:
    raise UserError(
      f'A schedule is one of {", ".join(known)}. Received: {kind!r}. Give custom_objects={{{kind!r}: its class}} to load_model, or put its'
      ' file into st_tf/pruning/schedules.'
    )
  return schedule(**config['config'])
