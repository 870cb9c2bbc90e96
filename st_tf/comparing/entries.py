"""What is compared: methods with settings of their own, sparsities, seeds; and the settings of each run."""

from collections.abc import Sequence
import dataclasses
from typing import Any

from st_tf import methods
from st_tf.comparing.budget import within
from st_tf.config import (
  METHODS,
  Config,
  ConfigError,
  ElasticConfig,
  EvolutionConfig,
  PipelineConfig,
  PruningConfig,
  SearchConfig,
  TrainingConfig,
  TransferConfig,
  TunerConfig,
)
from st_tf.config.fields import checked, from_text
from st_tf.config.named_files import ticket_in
from st_tf.errors import did_you_mean

# What a method may have settings of its own from: those of training, and of these groups the ones that it names.
_NAMED = (SearchConfig, PruningConfig, PipelineConfig, TunerConfig, EvolutionConfig, ElasticConfig)
_LENGTHS = ('epochs', 'fine_tune_epochs', 'retrain_epochs', 'trial_epochs')  # Whoever brings one shares no budget.
_ALWAYS = ('epochs', *(field.name for field in dataclasses.fields(TrainingConfig)))
# The learning-rate schedules that read a setting, where not all do.
_SCHEDULES = {
  'learning_rate_decay': ('exponential', 'step', 'milestones'),
  'decay_interval': ('exponential', 'step'),
  'learning_rate_milestones': ('milestones',),
}


@dataclasses.dataclass(frozen=True)
class Entry:
  """A method as it takes part.

  Attributes:
    label: as it was written, 'supertickets:reactivation=masked'.
    method: its name.
    settings: of its own, as (name, value).
  """

  label: str
  method: str
  settings: tuple[tuple[str, Any], ...] = ()


@dataclasses.dataclass(frozen=True)
class Cell:
  """One run of the table.

  Attributes:
    entry: the method.
    sparsity: of the ticket; 0 for methods that keep everything.
    seed: of the run.
    budget: cost of all its trainings together, in epochs of the whole supernet; 0 = --epochs each.
  """

  entry: Entry
  sparsity: float
  seed: int
  budget: float = 0


def entries(text: str) -> tuple[Entry, ...]:
  """The methods in 'supertickets,rigl,supertickets:reactivation=masked:ranking=erk'.

  Raises:
    ConfigError: none, an unknown method or setting, a setting that the method does not read, or one twice.
  """
  chosen = tuple(_entry(label.strip()) for label in text.split(',') if label.strip())
  if not chosen:
    raise ConfigError('--methods names at least one method. Received: none. Write for example --methods=supertickets,gmp.')
  twice = next((entry.label for entry in chosen if chosen.count(entry) > 1), None)
  if twice:
    raise ConfigError(f'--methods names each method once. Received: {twice} twice. Leave one out.')
  return chosen


def check_sparsities(sparsities: Sequence[float]) -> None:
  """Refuses what is no list of different sparsities.

  Raises:
    ConfigError: naming the entry.
  """
  for value in sparsities:
    if not 0 < value < 1:
      raise ConfigError(f'--sparsities lie between 0 and 1. Received: {value:g}. Write 90 percent as --sparsities=0.9.')
  if len(set(sparsities)) < len(sparsities):
    raise ConfigError(f'--sparsities are different ones. Received: {",".join(f"{value:g}" for value in sparsities)}. Leave one out.')


def cells(chosen: Sequence[Entry], sparsities: Sequence[float], seeds: Sequence[int], budget: float = 0) -> list[Cell]:
  """Every run of the table, method by method; with a budget those too whose trainings share it, where an entry brings no epochs.

  Raises:
    ConfigError: a budget, of which the first method would have no share, so that nothing is compared at equal cost.
  """
  if budget and _brings_lengths(chosen[0]):
    raise ConfigError(
      f'With --budget the first method brings no epochs of its own. Received: {chosen[0].label}. Begin with another one, or leave out'
      ' --budget.'
    )
  runs = []
  for entry in chosen:
    levels = (0.0,) if methods.named(entry.method).keeps_everything else sparsities
    budgets = (0, budget) if budget and not _brings_lengths(entry) else (0,)
    runs += [Cell(entry, level, seed, share) for share in budgets for level in levels for seed in seeds]
  return runs


def _brings_lengths(entry: Entry) -> bool:
  return any(name in _LENGTHS for name, _ in entry.settings)


def config_of(cell: Cell, base: Config, learning_rate: float, whole: int = 0) -> Config:
  """The settings of a run.

  Args:
    cell: the run.
    base: what all runs share.
    learning_rate: that the method was found to train best with.
    whole: MACs of the supernet, which a budget counts in.

  Raises:
    ConfigError: settings that no run can have.
  """
  flat = base.flat() | {'learning_rate': learning_rate} | dict(cell.entry.settings)
  flat |= {'method': cell.entry.method, 'sparsity': (cell.sparsity,), 'seed': cell.seed}
  if 'source' in reads(cell.entry.method) and flat['source']:
    flat['source'] = ticket_in(flat['source'], cell.sparsity)
  config = essential(Config.from_flat(flat))
  unread = next((name for name, _ in cell.entry.settings if name in _unread(config)), None)
  if unread:
    raise ConfigError(
      f'A method has settings that its learning-rate schedule reads. Received: {unread} in {cell.entry.label!r} with'
      f' --learning_rate_schedule={config.training.learning_rate_schedule}. Leave it out, or name another schedule.'
    )
  if methods.named(config.method).keeps_everything:  # Then it is the first training of others, whose settings are of no transfer.
    config = dataclasses.replace(config, transfer=TransferConfig())
  return essential(within(config, cell.budget, whole)) if cell.budget else config


def essential(config: Config) -> Config:
  """The settings, those at their defaults that change nothing about what the method draws."""
  unread = {field.name: field.default for group in _NAMED for field in dataclasses.fields(group) if field.name != 'sparsity'}
  for name in reads(config.method):
    del unread[name]
  usual = TrainingConfig()
  return Config.from_flat(config.flat() | unread | {name: getattr(usual, name) for name in _unread(config)})


def _unread(config: Config) -> list[str]:
  """The settings that the learning-rate schedule does not read."""
  return [name for name, readers in _SCHEDULES.items() if config.training.learning_rate_schedule not in readers]


def reads(method: str) -> tuple[str, ...]:
  """The settings of search, pruning and the like that change what a method draws, or what its first stage keeps for others."""
  return methods.named(method).reads


def departures(entry: Entry, base: Config) -> dict[str, tuple[Any, Any]]:
  """Settings that the published method has otherwise and the entry leaves as all share them: {name: (here, published)}."""
  given, flat = dict(entry.settings), base.flat()
  published = methods.named(entry.method).published.items()
  return {name: (flat[name], value) for name, value in published if name not in given and flat[name] != value}


def ranking(config: Config) -> str:
  """How the method of these settings compares weights: as they say, or as it was published."""
  return methods.named(config.method).ranking or config.pruning.ranking


def check(config: Config, steps_per_epoch: int) -> None:
  """Refuses settings with which the method cannot go to its end.

  Raises:
    ConfigError: as the method's plan.
  """
  methods.named(config.method).plan(config, steps_per_epoch)


def comparable() -> list[str]:
  """The methods that can be compared: those that train from first weights on."""
  return [name for name in METHODS if methods.named(name).is_compared]


def _entry(label: str) -> Entry:
  method, *written = label.split(':')
  if method not in METHODS or not methods.named(method).is_compared:
    known = comparable()
    raise ConfigError(f'--methods are of {", ".join(known)}. Received: {method!r}.{did_you_mean(method, known)}')
  return Entry(label, method, tuple(_setting(text, label, method) for text in written))


def _setting(text: str, label: str, method: str) -> tuple[str, Any]:
  name, equals, value = text.partition('=')
  always = [field for field in (*dataclasses.fields(Config), *dataclasses.fields(TrainingConfig)) if field.name in _ALWAYS]
  fields = {field.name: field for group in _NAMED for field in dataclasses.fields(group) if field.name != 'sparsity'}
  fields |= {field.name: field for field in always}
  if not equals or name not in fields:
    raise ConfigError(
      f'A method has settings as METHOD:NAME=VALUE. Received: {text!r} in {label!r}.{did_you_mean(name, fields)}'
      ' Write for example supertickets:reactivation=masked.'
    )
  known = (*reads(method), *_ALWAYS)
  if name not in known:
    raise ConfigError(f'{method} has settings that change what it draws. Received: {text!r} in {label!r}. It reads {", ".join(known)}.')
  return name, checked(fields[name], from_text(fields[name], value))
