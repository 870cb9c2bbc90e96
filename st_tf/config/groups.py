"""The groups of a run's settings: frozen data, each field with its help and its choices.

A duration is a share of the whole training, epochs or steps, so that 16 epochs and 350 both make sense.
"""

import dataclasses

from st_tf import plugins
from st_tf.arch.block_maps import INTERPOLATION, ORDERS
from st_tf.arch.spaces import SPACES
from st_tf.config.duration import Duration, epochs, share
from st_tf.config.fields import setting

# By their files, which nothing here imports.
PIXELS = ('', 'bytes', 'units', 'signed', 'imagenet')
METHODS = tuple(sorted(plugins.names('st_tf.methods'), key=lambda name: name != 'supertickets'))  # The default first.
TUNERS = ('random', 'hyperband', 'bayesian')
RANDOM = ('random_weights', 'random_mask')
CONTROLS = ('none', *RANDOM, 'dense_body')
REACTIVATIONS = ('soft_threshold', 'masked', 'dense_gradient')
RANKINGS = ('global', 'macs', 'lamp', 'layer', 'erk')
PRUNING_SCHEDULES = plugins.names('st_tf.pruning.schedules')
OPTIMIZERS = ('sgd', 'rmsprop', 'adam', 'adamw')
LEARNING_RATE_SCHEDULES = ('cosine', 'exponential', 'one_cycle', 'step', 'milestones')
PRUNED_LAYERS = ('prune_depthwise', 'prune_stem', 'prune_classifier', 'prune_head', 'prune_skip')
BATCH_NORMS = ('synchronized', 'per_replica')
QUANTIZED = ('', 'int8')
PRECISIONS = ('float32', 'mixed_bfloat16', 'mixed_float16')  # Keras' policies.
UNIT_SEARCHES = ('factors', 'scores')
FACTOR_STEPS = ('proximal', 'subgradient')
FACTORS = ('', 'scale', 'gamma')
PENALISED = ('all', 'least')
STRETCHED_WEIGHTS = ('', 'early', 'first', 'trained')
SPACE_CHOICES = ('', *SPACES)
OF_THE_MACHINE = ('keep_checkpoints', 'data_dir')  # They change nothing about the result.
DURATIONS = (
  'penalty_ramp',
  'search_interval',
  'search_end',
  'prune_begin',
  'prune_end',
  'prune_interval',
  'reactivation_end',
  'decay_interval',
  'learning_rate_milestones',
  'warmup',
  'quantize_begin',
  'rewind_to',
)


@dataclasses.dataclass(frozen=True)
class SearchConfig:
  """How importance factors are pushed to zero (HR-NAS, CVPR 2021, section 3.3; SuperTickets, ECCV 2022, section 3)."""

  penalty: float = setting(
    0.0005, 'Strength of the resource-aware L1 penalty on the importance factors; with a target it is steered instead.'
  )
  target_macs: float = setting(
    0.6,
    "MACs the surviving network may have; up to 1 = a share of the supernet's; 0 = no target: --penalty acts as it is.",
    share=True,
  )
  target_latency_ms: float = setting(
    0.0,
    'Milliseconds the surviving network may take, by the table of --cost=latency:FILE; in place of --target_macs, of menas beside it.'
    ' 0 = no such target.',
  )
  unit_search: str = setting(
    'factors',
    'How units are searched. factors: by their learned importance, while weights are trained; scores: by what they say about training'
    ' pictures, before the first step, which suits trained weights.',
    UNIT_SEARCHES,
  )
  unit_multiple: int = setting(
    1,
    'With scores: layers keep multiples of so many units, a power of 2; of half as many where they have less than four times as many, and'
    ' so on.',
  )
  search_residual: bool = setting(False, 'With scores: search the channels that skips join too, which go from all layers along the skips.')
  cost: str = setting('macs', "What the penalty charges for a unit: 'macs', or latency:FILE with a table by tflite.latency_table.")
  factor: str = setting(
    '',
    'What a factor is. scale: a scale behind the activation, which the kernels that read it take in; gamma: the scale of the batch norm'
    ' before the activation. Empty = scale for a network by name or by file, gamma for a preset.',
    FACTORS,
  )
  factor_step: str = setting('proximal', 'How the penalty acts on the factors.', FACTOR_STEPS)
  factor_rate: float = setting(1.0, "What the learning rate is multiplied by for the factors, the penalty's steps included.")
  penalised: str = setting(
    'all',
    'Which factors are pushed to zero. all; least: only those of as many units as must go to meet the target, the least important per'
    ' price when the search begins (of a network by name or by file).',
    PENALISED,
  )
  dead_below: float = setting(1e-3, 'A unit is dead when the magnitude of its factor is at most this.')
  penalty_ramp: Duration = setting(share(0.07), 'Duration over which the penalty grows from 0; a target is pursued only afterwards.')
  search_interval: Duration = setting(share(0.05), 'Duration between two looks at the factors.')
  search_end: Duration = setting(share(0.6), 'When the search ends (a duration from the start).')
  minimum_saving: float = setting(
    0.05, 'A shrink happens when it saves at least this fraction of the current MACs, or at the last look.', share=True
  )

  @property
  def has_target(self) -> bool:
    """Whether the surviving network may only cost so much."""
    return self.target_macs > 0 or self.target_latency_ms > 0

  @property
  def removes_first(self) -> bool:
    """Whether units go before the first step."""
    return self.unit_search == 'scores' and self.has_target


@dataclasses.dataclass(frozen=True)
class PruningConfig:
  """How weights are pruned and come back (SuperTickets, ECCV 2022, section 3)."""

  sparsity: tuple[float, ...] = setting((0.9,), 'Fraction of prunable weights removed; several, rising, save a ticket each.', share=True)
  pruning_schedule: str = setting('cubic', 'How sparsity rises over training.', PRUNING_SCHEDULES)
  reactivation: str = setting('soft_threshold', 'What a pruned weight does between two rankings.', REACTIVATIONS)
  ranking: str = setting(
    'erk',
    'Which weights are compared with each other. erk: those of a layer, which keeps a share by its shape; layer: the same share of each;'
    ' global: all; macs: all, each per root of the MACs it costs; lamp: all, each with those of its layer that are no smaller.',
    RANKINGS,
  )
  prune_begin: Duration = setting(share(0.1), 'When pruning begins (a duration from the start).')
  prune_end: Duration = setting(share(0.7), 'When the target sparsity is reached and the mask becomes final (a duration from the start).')
  prune_interval: Duration = setting(share(0.01), 'Duration between two rankings.')
  reactivation_end: Duration = setting(share(1.0), 'Until when pruned weights may come back (a duration from the start).')
  damping: float = setting(0.1, "Share of the gradient that pruned weights receive under 'dense_gradient'.", share=True)
  unit_slope: bool = setting(
    True,
    'Under soft_threshold, the gradient of a unit of which little is left above the threshold is as much smaller as batch norm makes it'
    ' larger.',
  )
  layer_floor: float = setting(0.01, 'Smallest fraction of its weights a layer keeps (at least one weight).', share=True)
  prune_depthwise: bool = setting(False, 'Prune depthwise convolutions too.')
  prune_stem: bool = setting(False, 'Prune the stem too.')
  prune_classifier: bool = setting(False, 'Prune the final layer too.')
  prune_head: bool = setting(True, 'Prune what lies between the branches and the final layer.')
  prune_skip: bool = setting(True, 'Prune the 1x1 convolutions of skips too.')


SEARCH_SETTINGS, PRUNING_SETTINGS = (
  tuple(field.name for field in dataclasses.fields(group) if field.name != 'sparsity') for group in (SearchConfig, PruningConfig)
)


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
  """How weights are trained."""

  optimizer: str = setting('sgd', 'Optimizer of the weights.', OPTIMIZERS)
  learning_rate: float = setting(0.1, 'Peak learning rate.')
  learning_rate_schedule: str = setting('cosine', 'How the learning rate falls.', LEARNING_RATE_SCHEDULES)
  learning_rate_decay: float = setting(0.97, "Factor per 'decay_interval' of the exponential and step schedules, or per milestone.")
  decay_interval: Duration = setting(epochs(2.4), 'Duration between two decays of the exponential and step schedules.')
  learning_rate_milestones: tuple[Duration, ...] = setting(
    (share(0.5), share(0.75)),
    "When the 'milestones' schedule multiplies the rate by 'learning_rate_decay' (durations from the start).",
  )
  warmup: Duration = setting(share(0.05), 'Duration of the linear learning-rate warm-up.')
  momentum: float = setting(0.9, 'Momentum of SGD and RMSprop.')
  optimizer_epsilon: float = setting(
    0.0, "What RMSprop adds to a gradient's mean square and Adam to its root; 0 = the optimizer's own, 0.001 and 1e-7."
  )
  weight_decay: float = setting(1e-4, 'L2 on convolution and dense kernels (decoupled with adamw).')
  label_smoothing: float = setting(0.1, 'Share of the target given to all classes alike.', share=True)
  gradient_clip: float = setting(0.0, 'Largest global norm of the gradient; 0 = no clipping.')
  ema_decay: float = setting(
    0.9999, 'Decay of the averaged weights per 4096 examples; 0 = no averages. Under soft_threshold they begin with the final mask.'
  )
  recalibration_batches: int = setting(16, 'Batches from which batch-norm statistics are recomputed before evaluation; 0 = off.')
  batch_norm: str = setting(
    'synchronized', 'On several devices: whether batch norms see the whole batch, or each device its own part.', BATCH_NORMS
  )
  initial_deviation: float = setting(
    0.0, 'Standard deviation of the initial convolution kernels; 0 = that of He et al. (2015), by outputs.'
  )
  teacher: str = setting(
    '',
    "What the network learns from beside the targets: a ticket's folder, a file of Keras, or start (the network as it came).",
  )
  teacher_pixels: str = setting('', 'Pixels that a teacher of a file wants; empty = as the file says.', PIXELS)
  teacher_share: float = setting(0.5, "Share of the loss that is the distance to the teacher's outputs.", share=True)
  teacher_temperature: float = setting(1.0, "What logits are divided by before they are compared with the teacher's.")
  quantize: str = setting(
    '', 'Number format of files whose rounding weights and activations see at the end of the training; empty = none.', QUANTIZED
  )
  quantize_begin: Duration = setting(
    share(0.8), 'With --quantize: from when on they see it (a duration from the start), which is after the last ranking.'
  )
  precision: str = setting(
    'float32', 'What layers compute in: mixed ones halve it, for GPUs; weights, masks and rankings stay float32.', PRECISIONS
  )
  xla: bool = setting(False, 'Compile forward and backward pass with XLA.')
  fine_tune_epochs: int = setting(0, 'Of the epochs, how many at the end train the final mask on a fresh learning-rate cycle.')


@dataclasses.dataclass(frozen=True)
class TransferConfig:
  """What becomes of a ticket on another task (SuperTickets, ECCV 2022, section 4)."""

  control: str = setting('none', "With transfer: what the ticket's weights and mask are exchanged for, to compare with.", CONTROLS)
  rewind: bool = setting(False, "With transfer: begin with the weights that the ticket's run began with.")
  freeze_body: bool = setting(False, 'With transfer: train the new head alone.')
  reactivate: bool = setting(False, 'With transfer: rank all weights anew while training, so that pruned ones may return.')
  input_stride: int = setting(0, "With transfer: how much the stem shrinks the image, 1, 2 or 4; 0 = as in the ticket's network.")


@dataclasses.dataclass(frozen=True)
class PipelineConfig:
  """How methods of several trainings go on after the first."""

  retrain_epochs: int = setting(0, 'Epochs of each training after the first; 0 = as many as --epochs.')
  prune_rounds: int = setting(
    0, 'With lottery: rounds of pruning and training; 0 = as many as it takes when each prunes a fifth of what is left.'
  )
  rewind_to: Duration = setting(
    share(0.05), 'With lottery: the moment of the first training whose weights each round begins with (a duration from the start).'
  )


@dataclasses.dataclass(frozen=True)
class TunerConfig:
  """How keras-tuner looks for an architecture."""

  tuner: str = setting('bayesian', 'With tuner: how the next architecture is chosen.', TUNERS)
  trials: int = setting(12, 'With tuner: architectures that are tried. With menas: what all of them cost, in trials of the target size.')
  trial_epochs: int = setting(0, 'With tuner and menas: epochs per trial; 0 = a quarter of --epochs.')


@dataclasses.dataclass(frozen=True)
class EvolutionConfig:
  """How a population of networks evolves (MENAS, arXiv:2203.04300); the numbers are ours."""

  space: str = setting('', 'With menas: the space of networks; empty = by the size of the images.', SPACE_CHOICES)
  population: int = setting(6, 'With menas: networks of the first generation, and how many are kept after each.')
  evolve: bool = setting(True, 'With menas: whether networks after the first generation are children; else all are drawn by chance.')
  inherit: bool = setting(True, 'With menas: whether children begin with weights of their parents, and the last training with the best.')
  replace: bool = setting(True, 'With menas: whether each network is replaced by its lottery ticket in the middle of its trial.')
  ticket_macs: float = setting(0.8, "With menas: share of a network's MACs that its ticket keeps; 1 = all channels stay.", share=True)
  ticket_sparsity: float = setting(0.5, 'With menas: fraction of the prunable weights of a ticket that are masked; 0 = none.', share=True)
  trial_patience: int = setting(0, 'With menas: epochs without a better score after which a trial ends; 0 = all are trained.')
  largest_share: float = setting(0.2, 'With menas: share of the population, its largest networks, that have children too.', share=True)
  first_macs: float = setting(1.25, 'With menas: MACs that a ticket of the first generation may have, relative to the target.')
  target_params: int = setting(0, 'With menas: parameters that a network may have; 0 = any number.')
  finalists: int = setting(1, 'With menas: how many of the best networks are trained to the end; the best of them is the ticket.')


@dataclasses.dataclass(frozen=True)
class ElasticConfig:
  """How a ticket becomes one of another depth (Chen et al., NeurIPS 2021)."""

  source: str = setting(
    '', 'With elastic: folder of the ticket that is stretched or squeezed, or of a run, of which --sparsity says which.'
  )
  target_depth: int = setting(0, 'With elastic: depth of the network that the ticket becomes one of; 0 = as --block_map or --supernet say.')
  block_map: str = setting(
    '',
    "With elastic: where each of the source's blocks stands, such as '0:0; 1:1,2; 2:3,4'; one for all runs of blocks, or one each, joined"
    ' by vertical bars.',
  )
  block_order: str = setting(INTERPOLATION, 'With elastic: without a map, where copies stand: beside their source, or behind all.', ORDERS)
  shuffle_replicas: bool = setting(False, 'With elastic: shuffle the masks of all copies but the first, to compare with.')
  stretched_weights: str = setting(
    '',
    'With elastic: weights of the source that training begins with. early: those that it went back to, at their step; first: those that its'
    ' run began with; trained: its own. Empty = early where it has them, else trained.',
    STRETCHED_WEIGHTS,
  )

  @property
  def says_target(self) -> bool:
    """Whether it says what becomes of the source."""
    return bool(self.target_depth or self.block_map.strip())
