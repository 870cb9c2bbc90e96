"""Settings: what they are, where they come from, and how they are written."""

from st_tf.config.config import Config, leaves
from st_tf.config.fields import ConfigError
from st_tf.config.groups import (
  CONTROLS,
  DURATIONS,
  LEARNING_RATE_SCHEDULES,
  METHODS,
  OF_THE_MACHINE,
  PRUNED_LAYERS,
  PRUNING_SETTINGS,
  RANDOM,
  REACTIVATIONS,
  SEARCH_SETTINGS,
  ElasticConfig,
  EvolutionConfig,
  PipelineConfig,
  PruningConfig,
  SearchConfig,
  TrainingConfig,
  TransferConfig,
  TunerConfig,
)
from st_tf.config.identity import Identity
