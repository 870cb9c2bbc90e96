"""One run's settings: frozen data, from which the flags, the JSON file and the fingerprint are derived.

A duration is a number of epochs when it is above 1 and a fraction of the whole training when it is at most 1, so that
16 epochs and 350 both make sense.
"""

from collections.abc import Mapping
import dataclasses
import functools
import hashlib
import json
from typing import Any

from st_tf import named_files
from st_tf.errors import did_you_mean
from st_tf.latency import PREFIX
from st_tf.settings import ConfigError, checked, shown
from st_tf.task import DataConfig

METHODS = (
  *('supertickets', 'dense', 'search_only', 'search_then_prune', 'search_prune_retrain', 'search_then_lottery', 'lottery'),
  *('random', 'snip', 'grasp', 'synflow', 'gmp', 'rigl', 'acdc', 'soft_threshold', 'tuner', 'fine_tune', 'transfer'),
)
TUNERS = ('random', 'hyperband', 'bayesian')
RANDOM = ('random_weights', 'random_mask')
CONTROLS = ('none', *RANDOM, 'dense_body')
REACTIVATIONS = ('soft_threshold', 'masked', 'dense_gradient')
RANKINGS = ('global', 'macs', 'lamp', 'layer', 'erk')
PRUNING_SCHEDULES = ('cubic', 'stepwise', 'one_shot', 'constant')
OPTIMIZERS = ('sgd', 'rmsprop', 'adam', 'adamw')
LEARNING_RATE_SCHEDULES = ('cosine', 'exponential', 'one_cycle', 'step', 'milestones')
PRUNED_LAYERS = ('prune_depthwise', 'prune_stem', 'prune_classifier', 'prune_head', 'prune_skip')
FACTOR_STEPS = ('proximal', 'subgradient')
OF_THE_MACHINE = ('keep_checkpoints', 'data_dir')  # They change nothing about the result.
DURATIONS = (
  *('penalty_ramp', 'search_interval', 'search_end', 'prune_begin', 'prune_end', 'prune_interval', 'reactivation_end'),
  *('decay_interval', 'learning_rate_milestones', 'warmup', 'rewind_to'),
)
# What each setting may be; the names are flags.
_AT_LEAST_ONE = ('epochs', 'batch_size', 'replicas', 'keep_checkpoints', 'trials')
_POSITIVE = ('learning_rate', 'learning_rate_decay', 'decay_interval', 'search_interval', 'prune_interval')
_BELOW_ONE = ('momentum', 'label_smoothing', 'ema_decay', 'minimum_saving', 'layer_floor')
_NOT_NEGATIVE = (
  *('seed', 'data_seed', 'image_size', 'image_width', 'train_examples', 'mixup'),
  *('penalty', 'target_macs', 'target_latency_ms', 'dead_below', 'penalty_ramp', 'search_end'),
  *('prune_begin', 'prune_end', 'reactivation_end', 'damping'),
  *('retrain_epochs', 'prune_rounds', 'rewind_to', 'trial_epochs'),
  *('warmup', 'weight_decay', 'gradient_clip', 'recalibration_batches', 'fine_tune_epochs', 'optimizer_epsilon', 'initial_deviation'),
)


def _field(default: Any, text: str, choices: tuple[str, ...] = ()) -> Any:
  metadata = {'help': text, 'choices': choices}
  return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class SearchConfig:
  """How importance factors are pushed to zero (HR-NAS, CVPR 2021, section 3.3; SuperTickets, ECCV 2022, section 3)."""

  penalty: float = _field(
    0.0005, 'Strength of the resource-aware L1 penalty on the importance factors; with a target it is steered instead.'
  )
  target_macs: float = _field(
    0.6,
    "MACs the surviving network may have; up to 1 = a share of the supernet's; 0 = no target: --penalty acts as it is.",
  )
  target_latency_ms: float = _field(
    0.0, 'Milliseconds the surviving network may take, by the table of --cost=latency:FILE; in place of --target_macs. 0 = no such target.'
  )
  cost: str = _field('macs', "What the penalty charges for a unit: 'macs', or latency:FILE with a table by tflite.latency_table.")
  factor_step: str = _field('proximal', 'How the penalty acts on the factors.', FACTOR_STEPS)
  dead_below: float = _field(1e-3, 'A unit is dead when the magnitude of its factor is at most this.')
  penalty_ramp: float = _field(0.07, 'Duration over which the penalty grows from 0; a target is pursued only afterwards.')
  search_interval: float = _field(0.05, 'Duration between two looks at the factors.')
  search_end: float = _field(0.6, 'When the search ends (a duration from the start).')
  minimum_saving: float = _field(0.05, 'A shrink happens when it saves at least this fraction of the current MACs, or at the last look.')

  @property
  def has_target(self) -> bool:
    """Whether the surviving network may only cost so much."""
    return self.target_macs > 0 or self.target_latency_ms > 0


@dataclasses.dataclass(frozen=True)
class PruningConfig:
  """How weights are pruned and come back (SuperTickets, ECCV 2022, section 3)."""

  sparsity: tuple[float, ...] = _field((0.9,), 'Fraction of prunable weights removed; several, rising, save a ticket each.')
  pruning_schedule: str = _field('cubic', 'How sparsity rises over training.', PRUNING_SCHEDULES)
  reactivation: str = _field('soft_threshold', 'What a pruned weight does between two rankings.', REACTIVATIONS)
  ranking: str = _field(
    'erk',
    'Which weights are compared with each other. erk: those of a layer, which keeps a share by its shape; layer: the same share of each;'
    ' global: all; macs: all, each per root of the MACs it costs; lamp: all, each with those of its layer that are no smaller.',
    RANKINGS,
  )
  prune_begin: float = _field(0.1, 'When pruning begins (a duration from the start).')
  prune_end: float = _field(0.7, 'When the target sparsity is reached and the mask becomes final (a duration from the start).')
  prune_interval: float = _field(0.01, 'Duration between two rankings.')
  reactivation_end: float = _field(1.0, 'Until when pruned weights may come back (a duration from the start).')
  damping: float = _field(0.1, "Share of the gradient that pruned weights receive under 'dense_gradient'.")
  unit_slope: bool = _field(
    True,
    'Under soft_threshold, the gradient of a unit of which little is left above the threshold is as much smaller as batch norm makes it'
    ' larger.',
  )
  layer_floor: float = _field(0.01, 'Smallest fraction of its weights a layer keeps (at least one weight).')
  prune_depthwise: bool = _field(False, 'Prune depthwise convolutions too.')
  prune_stem: bool = _field(False, 'Prune the stem too.')
  prune_classifier: bool = _field(False, 'Prune the final layer too.')
  prune_head: bool = _field(True, 'Prune what lies between the branches and the final layer.')
  prune_skip: bool = _field(True, 'Prune the 1x1 convolutions of skips too.')


SEARCH_SETTINGS, PRUNING_SETTINGS = (
  tuple(field.name for field in dataclasses.fields(group) if field.name != 'sparsity') for group in (SearchConfig, PruningConfig)
)


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
  """How weights are trained."""

  optimizer: str = _field('sgd', 'Optimizer of the weights.', OPTIMIZERS)
  learning_rate: float = _field(0.1, 'Peak learning rate.')
  learning_rate_schedule: str = _field('cosine', 'How the learning rate falls.', LEARNING_RATE_SCHEDULES)
  learning_rate_decay: float = _field(0.97, "Factor per 'decay_interval' of the exponential and step schedules, or per milestone.")
  decay_interval: float = _field(2.4, 'Duration between two decays of the exponential and step schedules.')
  learning_rate_milestones: tuple[float, ...] = _field(
    (0.5, 0.75), "When the 'milestones' schedule multiplies the rate by 'learning_rate_decay' (durations from the start)."
  )
  warmup: float = _field(0.05, 'Duration of the linear learning-rate warm-up.')
  momentum: float = _field(0.9, 'Momentum of SGD and RMSprop.')
  optimizer_epsilon: float = _field(
    0.0, "What RMSprop adds to a gradient's mean square and Adam to its root; 0 = the optimizer's own, 0.001 and 1e-7."
  )
  weight_decay: float = _field(1e-4, 'L2 on convolution and dense kernels (decoupled with adamw).')
  label_smoothing: float = _field(0.1, 'Share of the target given to all classes alike.')
  gradient_clip: float = _field(0.0, 'Largest global norm of the gradient; 0 = no clipping.')
  ema_decay: float = _field(
    0.9999, 'Decay of the averaged weights per 4096 examples; 0 = no averages. Under soft_threshold they begin with the final mask.'
  )
  recalibration_batches: int = _field(16, 'Batches from which batch-norm statistics are recomputed before evaluation; 0 = off.')
  initial_deviation: float = _field(0.0, 'Standard deviation of the initial convolution kernels; 0 = that of He et al. (2015), by outputs.')
  fine_tune_epochs: int = _field(0, 'Of the epochs, how many at the end train the final mask on a fresh learning-rate cycle.')


@dataclasses.dataclass(frozen=True)
class TransferConfig:
  """What becomes of a ticket on another task (SuperTickets, ECCV 2022, section 4)."""

  control: str = _field('none', "With transfer: what the ticket's weights and mask are exchanged for, to compare with.", CONTROLS)
  rewind: bool = _field(False, "With transfer: begin with the weights that the ticket's run began with.")
  freeze_body: bool = _field(False, 'With transfer: train the new head alone.')
  reactivate: bool = _field(False, 'With transfer: rank all weights anew while training, so that pruned ones may return.')
  input_stride: int = _field(0, "With transfer: how much the stem shrinks the image, 1, 2 or 4; 0 = as in the ticket's network.")


@dataclasses.dataclass(frozen=True)
class PipelineConfig:
  """How methods of several trainings go on after the first."""

  retrain_epochs: int = _field(0, 'Epochs of each training after the first; 0 = as many as --epochs.')
  prune_rounds: int = _field(
    0, 'With lottery: rounds of pruning and training; 0 = as many as it takes when each prunes a fifth of what is left.'
  )
  rewind_to: float = _field(
    0.05, 'With lottery: the moment of the first training whose weights each round begins with (a duration from the start).'
  )


@dataclasses.dataclass(frozen=True)
class TunerConfig:
  """How keras-tuner looks for an architecture."""

  tuner: str = _field('bayesian', 'With tuner: how the next architecture is chosen.', TUNERS)
  trials: int = _field(12, 'With tuner: architectures that are tried.')
  trial_epochs: int = _field(0, 'With tuner: epochs per trial; 0 = a quarter of --epochs.')


@dataclasses.dataclass(frozen=True)
class Config:
  """All settings of a run."""

  task: str = _field('cifar100', 'What to train on: shapes, cifar100, folder:PATH, segmentation:PATH, keypoints:PATH, tfds:NAME and more.')
  method: str = _field('supertickets', 'How the ticket is drawn.', METHODS)
  supernet: str = _field(
    '', "Preset (tiny, cifar, mobile, hrnas, hrnas_cityscapes, ...) or a JSON file with an ArchSpec; empty = the task's default."
  )
  epochs: int = _field(16, 'Passes over the training data, fine-tuning included.')
  batch_size: int = _field(128, 'Images per training step.')
  seed: int = _field(0, 'Seed of initialisation, data order, augmentation and dropout.')
  init_from: str = _field('', 'Start from the weights of a ticket folder or of an .npz with reference names.')
  replicas: int = _field(1, 'Devices to train on (tf.distribute.MirroredStrategy when above 1).')
  keep_checkpoints: int = _field(2, 'Checkpoints kept.')
  search: SearchConfig = SearchConfig()
  pruning: PruningConfig = PruningConfig()
  training: TrainingConfig = TrainingConfig()
  transfer: TransferConfig = TransferConfig()
  pipeline: PipelineConfig = PipelineConfig()
  tuner: TunerConfig = TunerConfig()
  data: DataConfig = DataConfig()

  def __post_init__(self):
    values = self.flat()
    for name in _AT_LEAST_ONE:
      _require(values[name] >= 1, f'--{name} is at least 1.', values[name])
    for name in _POSITIVE:
      _require(values[name] > 0, f'--{name} is positive.', values[name])
    for name in _NOT_NEGATIVE:
      _require(values[name] >= 0, f'--{name} is not negative.', values[name])
    for name in _BELOW_ONE:
      _require(0 <= values[name] < 1, f'--{name} lies in [0, 1).', values[name])
    sparsity = self.pruning.sparsity
    _require(isinstance(sparsity, tuple), 'PruningConfig.sparsity is a tuple.', repr(sparsity), ' Write for example (0.9,).')
    _require(all(0 <= entry < 1 for entry in sparsity), '--sparsity lies in [0, 1).', sparsity, ' Write 90 percent as --sparsity=0.9.')
    rising = len(sparsity) >= 1 and list(sparsity) == sorted(set(sparsity))
    _require(rising, '--sparsity is one number or several rising ones.', sparsity, ' Write for example --sparsity=0.8,0.9.')
    milestones = self.training.learning_rate_milestones
    rises = bool(milestones) and milestones[0] > 0 and list(milestones) == sorted(set(milestones))
    _require(rises, '--learning_rate_milestones are rising positive durations.', milestones, ' Write for example 0.5,0.75.')
    cost = self.search.cost
    named = cost == 'macs' or cost.startswith(PREFIX) and cost != PREFIX
    hint = did_you_mean(cost, ('macs',)) or ' A FILE comes from python -m tflite.latency_table.'
    _require(named, f'--cost is macs or {PREFIX}FILE.', repr(cost), hint)
    limited = not self.search.target_latency_ms or cost.startswith(PREFIX)
    _require(limited, '--target_latency_ms needs a table.', f'--cost={cost}', f' Write --cost={PREFIX}FILE.')
    _require(self.batch_size % self.replicas == 0, '--batch_size is a multiple of --replicas.', f'{self.batch_size} for {self.replicas}')
    transfer = self.transfer
    _require(transfer.input_stride in (0, 1, 2, 4), "--input_stride is 1, 2 or 4; 0 = the ticket's.", transfer.input_stride)
    contradicts = transfer.reactivate and transfer.control != 'none' or transfer.rewind and transfer.control in RANDOM
    _require(
      not contradicts, '--control goes without --reactivate, and random weights without --rewind.', transfer.control, ' Leave one out.'
    )
    frozen = transfer.freeze_body and (transfer.reactivate or transfer.control != 'none')
    _require(not frozen, '--freeze_body keeps weights and mask of the body.', 'also --reactivate or --control', ' Leave one out.')
    fine_tuning = self.training.fine_tune_epochs
    _require(fine_tuning < self.epochs, '--fine_tune_epochs is less than --epochs.', f'{fine_tuning} of {self.epochs}')

  def flat(self) -> dict[str, Any]:
    """Every setting by its flag's name.

    Raises:
      ConfigError: a value of the wrong type, or not among its setting's choices.
    """
    values = {}
    for field in dataclasses.fields(self):
      value = getattr(self, field.name)
      values |= dataclasses.asdict(value) if dataclasses.is_dataclass(value) else {field.name: value}
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
  def from_json(cls, text: str) -> 'Config':
    """The settings in JSON text.

    Raises:
      ConfigError: the text is no JSON object of settings.
    """
    return cls.from_flat(settings(text))

  @functools.cached_property
  def contents(self) -> dict[str, str]:
    """Digests of what is in the files that settings name, by setting; of these settings once, since a run reads its files once."""
    values = self.flat()
    return {name: found for name in named_files.SETTINGS if (found := named_files.digest(name, values[name]))}

  def portable(self) -> dict[str, Any]:
    """As `flat`, but of files on this machine the name and a digest of what is in them; such a name stays as it is."""
    values = self.flat()
    return values | {name: named_files.portable(values[name], digest) for name, digest in self.contents.items()}

  def identity(self) -> dict[str, Any]:
    """What decides the result of a run: of settings that name a file, what is in it and not where it lies."""
    return {name: value for name, value in (self.flat() | self.contents).items() if name not in OF_THE_MACHINE}

  @property
  def fingerprint(self) -> str:
    """Changes with everything that decides the result of a run."""
    return hashlib.sha256(json.dumps(self.identity(), sort_keys=True).encode()).hexdigest()[:16]

  def changed_from(self, before: 'Config', contents: Mapping[str, str], finished: bool) -> list[str]:
    """What decides the result and differs from earlier settings, of whose files `contents` has digests; as flags.

    Where the run is `finished` it needs no file that is gone.
    """
    then, now, old, new = before.identity() | contents, self.identity(), before.flat(), self.flat()
    why = {name: 'other contents than it had' if name in self.contents else 'not there any more' for name in now}
    why |= {name: f'was {shown(old[name])}' for name in now if old[name] != new[name]}
    gone = {name for name in now if finished and why[name] == 'not there any more'}
    return [f'--{name}={shown(new[name])} ({why[name]})' for name in now if then[name] != now[name] and name not in gone]


def leaves() -> list[dataclasses.Field]:
  """The fields of `Config` and of its groups, in order: one per flag."""
  fields = []
  for field in dataclasses.fields(Config):
    fields += dataclasses.fields(field.type) if dataclasses.is_dataclass(field.type) else [field]
  return fields


def settings(text: str) -> dict[str, Any]:
  """The settings that JSON text names, by flag name, typed but not yet checked against each other.

  Raises:
    ConfigError: the text is no JSON object of settings.
  """
  try:
    values = json.loads(text)
  except json.JSONDecodeError as error:
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


def _require(condition: Any, rule: str, received: Any, way_out: str = '') -> None:
  if not condition:
    raise ConfigError(f'{rule} Received: {received}.{way_out}')
