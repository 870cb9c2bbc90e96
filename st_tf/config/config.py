"""One run's settings: frozen data, from which the flags and the JSON file are derived."""

from collections.abc import Mapping
import dataclasses
import json
from typing import Any

from st_tf import plain, plugins
from st_tf.arch.block_maps import check_written
from st_tf.arch.latency import PREFIX
from st_tf.arch.presets import FAMILIES, PRESETS
from st_tf.arch.specs import SpecError
from st_tf.config.duration import Duration
from st_tf.config.fields import ConfigError, checked, setting, shown
from st_tf.config.groups import (
  DURATIONS,
  METHODS,
  PIXELS,
  RANDOM,
  ElasticConfig,
  EvolutionConfig,
  PipelineConfig,
  PruningConfig,
  SearchConfig,
  TrainingConfig,
  TransferConfig,
  TunerConfig,
)
from st_tf.errors import did_you_mean
from st_tf.task import DataConfig

# What each setting may be; the names are flags.
_AT_LEAST_ONE = ('epochs', 'batch_size', 'replicas', 'keep_checkpoints', 'trials', 'population', 'finalists')
_POSITIVE = (
  'teacher_temperature',
  'learning_rate',
  'learning_rate_decay',
  'decay_interval',
  'search_interval',
  'prune_interval',
  'factor_rate',
  'ticket_macs',
)
_SHARES = ('ticket_macs', 'largest_share')
_BELOW_ONE = ('momentum', 'label_smoothing', 'ema_decay', 'minimum_saving', 'layer_floor', 'ticket_sparsity')
_NOT_NEGATIVE = (
  'seed',
  'data_seed',
  'image_size',
  'image_width',
  'train_examples',
  'mixup',
  'penalty',
  'target_macs',
  'target_latency_ms',
  'dead_below',
  'penalty_ramp',
  'search_end',
  'prune_begin',
  'prune_end',
  'reactivation_end',
  'damping',
  'retrain_epochs',
  'prune_rounds',
  'rewind_to',
  'trial_epochs',
  'trial_patience',
  'largest_share',
  'target_params',
  'warmup',
  'quantize_begin',
  'weight_decay',
  'gradient_clip',
  'recalibration_batches',
  'fine_tune_epochs',
  'optimizer_epsilon',
  'initial_deviation',
  'target_depth',
)


STRATEGIES = ('auto', 'one', 'mirrored', 'multi_worker')
PADDINGS = ('', 'symmetric', 'exact', 'kept')
# Settings that were added: at their defaults a run is what it was without them.
_LATER = (
  'weights',
  'pixels',
  'padding',
  'unit_search',
  'unit_multiple',
  'search_residual',
  'factor',
  'factor_rate',
  'penalised',
  'teacher',
  'teacher_pixels',
  'teacher_share',
  'teacher_temperature',
  'quantize',
  'quantize_begin',
  'void',
  'category',
  'source',
  'target_depth',
  'block_map',
  'block_order',
  'shuffle_replicas',
  'stretched_weights',
  'strategy',
  'batch_norm',
  'precision',
  'xla',
  *(field.name for field in dataclasses.fields(EvolutionConfig)),
)


@dataclasses.dataclass(frozen=True)
class Config:
  """All settings of a run."""

  task: str = setting(
    'cifar100', f'What to train on: {", ".join(plugins.names("tasks"))}, or module:PATH; some as NAME:ARGUMENT, such as folder:PATH.'
  )
  method: str = setting('supertickets', 'How the ticket is drawn.', METHODS)
  supernet: str = setting(
    '',
    f'Preset ({", ".join(PRESETS)}), a JSON file with an ArchSpec, a trained network by name ({", ".join(FAMILIES)}) or keras:FILE;'
    " empty = the task's default.",
  )
  weights: str = setting(
    '', 'Trained weights of a supernet that has them: imagenet, none, or a file; empty = imagenet where they are at hand.'
  )
  pixels: str = setting('', 'Pixels that a trained network wants; empty = as its family or its file says.', PIXELS)
  padding: str = setting(
    '',
    'Padding on one side, in a network by name or by file: made symmetric (kernels move and are trained), exact (larger depthwise'
    ' kernels), or kept; empty = symmetric where that can make the network run sparsely.',
    PADDINGS,
  )
  epochs: int = setting(16, 'Passes over the training data, fine-tuning included.')
  batch_size: int = setting(128, 'Images per training step.')
  seed: int = setting(0, 'Seed of initialisation, data order, augmentation and dropout.')
  init_from: str = setting('', 'Start from the weights of a ticket folder or of an .npz with reference names.')
  replicas: int = setting(1, 'Devices of this machine to train on (tf.distribute.MirroredStrategy when above 1).')
  strategy: str = setting(
    'auto',
    'Devices that train together: one, mirrored (several of this machine), multi_worker (those of the workers that TF_CONFIG names);'
    ' auto = as TF_CONFIG and --replicas say.',
    STRATEGIES,
  )
  keep_checkpoints: int = setting(2, 'Checkpoints kept.')
  search: SearchConfig = SearchConfig()
  pruning: PruningConfig = PruningConfig()
  training: TrainingConfig = TrainingConfig()
  transfer: TransferConfig = TransferConfig()
  pipeline: PipelineConfig = PipelineConfig()
  tuner: TunerConfig = TunerConfig()
  evolution: EvolutionConfig = EvolutionConfig()
  elastic: ElasticConfig = ElasticConfig()
  data: DataConfig = DataConfig()

  def __post_init__(self):
    values = {name: value.amount if isinstance(value, Duration) else value for name, value in self._checked().items()}
    for name in _AT_LEAST_ONE:
      _require(values[name] >= 1, f'--{name} is at least 1.', values[name])
    for name in _POSITIVE:
      _require(values[name] > 0, f'--{name} is positive.', values[name])
    for name in _NOT_NEGATIVE:
      _require(values[name] >= 0, f'--{name} is not negative.', values[name])
    for name in _BELOW_ONE:
      _require(0 <= values[name] < 1, f'--{name} lies in [0, 1).', values[name])
    for name in _SHARES:
      _require(values[name] <= 1, f'--{name} is at most 1.', values[name])
    _require(self.evolution.first_macs >= 1, '--first_macs is at least 1.', self.evolution.first_macs)
    _require(0 < self.training.teacher_share <= 1, '--teacher_share lies in (0, 1].', self.training.teacher_share)
    sparsity = self.pruning.sparsity
    _require(isinstance(sparsity, tuple), 'PruningConfig.sparsity is a tuple.', repr(sparsity), ' Write for example (0.9,).')
    shares = tuple(entry / 100 if 1 < entry < 100 else 0.9 for entry in sparsity)
    meant = f' Write {100 * shares[0]:g} percent as --sparsity={",".join(f"{share:g}" for share in shares)}.' if shares else ''
    _require(all(0 <= entry < 1 for entry in sparsity), '--sparsity lies in [0, 1).', ', '.join(f'{entry:g}' for entry in sparsity), meant)
    rising = len(sparsity) >= 1 and list(sparsity) == sorted(set(sparsity))
    _require(rising, '--sparsity is one number or several rising ones.', sparsity, ' Write for example --sparsity=0.8,0.9.')
    milestones = self.training.learning_rate_milestones
    # Which of two units comes first only the length of the training says.
    rises = bool(milestones) and milestones[0].amount > 0
    rises = rises and all(a.unit != b.unit or a.amount < b.amount for a, b in zip(milestones, milestones[1:]))
    _require(rises, '--learning_rate_milestones are rising positive durations.', shown(milestones), ' Write for example 0.5,0.75.')
    cost = self.search.cost
    named = cost == 'macs' or (cost.startswith(PREFIX) and cost != PREFIX)
    hint = did_you_mean(cost, ('macs',)) or ' A FILE comes from python -m tflite.latency_table.'
    _require(named, f'--cost is macs or {PREFIX}FILE.', repr(cost), hint)
    limited = not self.search.target_latency_ms or cost.startswith(PREFIX)
    _require(limited, '--target_latency_ms needs a table.', f'--cost={cost}', f' Write --cost={PREFIX}FILE.')
    multiple = self.search.unit_multiple
    _require(multiple >= 1 and multiple & (multiple - 1) == 0, '--unit_multiple is a power of 2, such as 8; 1 = any number.', multiple)
    aimed = self.search.penalised == 'all' or self.search.has_target
    _require(aimed, '--penalised=least needs a target, by which units are counted.', 'none', ' Give --target_macs, or leave it out.')
    _require(self.batch_size % self.replicas == 0, '--batch_size is a multiple of --replicas.', f'{self.batch_size} for {self.replicas}')
    alone = self.strategy != 'one' or self.replicas == 1
    _require(alone, '--strategy=one trains on one device.', f'--replicas={self.replicas}', ' Leave one of them out.')
    training = self.training
    exact = not training.quantize or training.precision == 'float32'
    _require(exact, '--quantize rounds what is computed in float32.', f'--precision={training.precision}', ' Leave one of them out.')
    transfer = self.transfer
    _require(transfer.input_stride in (0, 1, 2, 4), "--input_stride is 1, 2 or 4; 0 = the ticket's.", transfer.input_stride)
    contradicts = (transfer.reactivate and transfer.control != 'none') or (transfer.rewind and transfer.control in RANDOM)
    _require(
      not contradicts, '--control goes without --reactivate, and random weights without --rewind.', transfer.control, ' Leave one out.'
    )
    frozen = transfer.freeze_body and (transfer.reactivate or transfer.control != 'none')
    _require(not frozen, '--freeze_body keeps weights and mask of the body.', 'also --reactivate or --control', ' Leave one out.')
    try:
      check_written(self.elastic.block_map)
    except SpecError as error:
      raise ConfigError(f'--block_map: {error}') from error
    fine_tuning = self.training.fine_tune_epochs
    _require(fine_tuning < self.epochs, '--fine_tune_epochs is less than --epochs.', f'{fine_tuning} of {self.epochs}')
    begin = self.training.quantize_begin
    ends = self.training.quantize and begin.epochs(self.epochs - fine_tuning, unknown=0) >= self.epochs
    _require(not ends, '--quantize_begin lies before the end of the training.', f'{begin} of {self.epochs} epochs', ' Lower it.')

  @property
  def origin(self) -> str:
    """The ticket, or the file of weights, that its run begins with; '' = none."""
    return self.init_from or (self.elastic.source if self.method == 'elastic' else '')

  def flat(self) -> dict[str, Any]:
    """Every setting by its flag's name, as JSON has it: durations as numbers or text.

    Raises:
      ConfigError: a value of the wrong type, or not among its setting's choices.
    """
    return {name: _written(value) for name, value in self._checked().items()}

  def plain(self) -> dict[str, Any]:
    """As `flat`, durations as they were written before they had units: what fingerprints are made of."""
    values = self._checked()
    for name in _LATER:  # A fingerprint of before knows nothing of them.
      if values[name] == next(field.default for field in leaves() if field.name == name):
        del values[name]
    return {name: _plain(value) for name, value in values.items()}

  def _checked(self) -> dict[str, Any]:
    """Every setting by its flag's name, in its own type."""
    values = {}
    for field in dataclasses.fields(self):
      value = getattr(self, field.name)
      values |= vars(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return {field.name: checked(field, values[field.name]) for field in leaves()}

  @classmethod
  def from_flat(cls, values: Mapping[str, Any]) -> 'Config':
    """The inverse of `flat`; what is missing keeps its default.

    Raises:
      ConfigError: an unknown name, or a value that no run can have.
    """
    values = checked_settings(values)
    groups = {}
    for field in dataclasses.fields(cls):
      if dataclasses.is_dataclass(field.type):
        names = {inner.name for inner in dataclasses.fields(field.type)}
        groups[field.name] = field.type(**{name: values.pop(name) for name in list(values) if name in names})
    return cls(**values, **groups)

  def to_json(self) -> str:
    """The settings as JSON text; `from_json` is the inverse."""
    return json.dumps(self.flat(), indent=2) + '\n'

  @classmethod
  def from_json(cls, text: str | bytes) -> 'Config':
    """The settings in JSON text.

    Raises:
      ConfigError: the text is no JSON object of settings.
    """
    return cls.from_flat(parse(text))


def with_units(written: Mapping[str, Any]) -> dict[str, Any]:
  """Settings as JSON has them, durations from before they had units as they are written now; what is no setting stays as it is."""
  known = {field.name: field for field in leaves() if field.name in DURATIONS}
  return {name: _written(checked(known[name], value)) if name in known else value for name, value in written.items()}


def leaves() -> list[dataclasses.Field]:
  """The fields of `Config` and of its groups, in order: one per flag."""
  fields = []
  for field in dataclasses.fields(Config):
    fields += dataclasses.fields(field.type) if dataclasses.is_dataclass(field.type) else [field]
  return fields


def parse(text: str | bytes) -> dict[str, Any]:
  """The settings that JSON text names, by flag name, typed but not yet checked against each other.

  Raises:
    ConfigError: the text is no JSON object of settings.
  """
  try:
    values = plain.parse(text)
  except ValueError as error:
    raise ConfigError(f'A configuration is a JSON object. Received: {error}.') from error
  _require(isinstance(values, dict), 'A configuration is a JSON object.', type(values).__name__)
  return checked_settings(values)


def checked_settings(values: Mapping[str, Any]) -> dict[str, Any]:
  """`values` with every setting in its own type.

  Raises:
    ConfigError: an unknown name, a value of the wrong type, or not among its setting's choices.
  """
  known = {field.name: field for field in leaves()}
  unknown = next((name for name in values if name not in known), None)
  _require(unknown is None, 'A configuration has only known settings.', repr(unknown), did_you_mean(str(unknown), known))
  return {name: checked(known[name], value) for name, value in values.items()}


def _written(value: Any) -> Any:
  if isinstance(value, Duration):
    return value.written
  return tuple(map(_written, value)) if isinstance(value, tuple) else value


def _plain(value: Any) -> Any:
  if isinstance(value, Duration):
    return value.plain
  return tuple(map(_plain, value)) if isinstance(value, tuple) else value


def _require(condition: Any, rule: str, received: Any, way_out: str = '') -> None:
  if not condition:
    raise ConfigError(f'{rule} Received: {received}.{way_out}')
