"""A run's settings in steps: what happens when. Durations become steps here and nowhere else."""

import dataclasses
import math

from st_tf.config import Config, ConfigError
from st_tf.config.duration import SHARE, Duration, share
from st_tf.pruning import schedules
from st_tf.pruning.schedules import RegrowthSchedule
from st_tf.pruning.schedules.constant import Constant

_ONE_CYCLE_RISE = 0.3


@dataclasses.dataclass(frozen=True)
class LearningRate:
  """Learning rate per step: a linear warm-up, then a fall.

  Attributes:
    kind: 'cosine', 'exponential', 'one_cycle', 'step' or 'milestones'.
    peak: highest learning rate.
    warmup_steps: steps of the rise from 0.
    total_steps: steps until the end.
    decay: factor per interval ('exponential' continuously, 'step' at once) or per milestone.
    decay_steps: steps per interval, counted from the end of the warm-up.
    milestones: steps from which on 'milestones' takes one more factor.
  """

  kind: str
  peak: float
  warmup_steps: int
  total_steps: int
  decay: float = 1.0
  decay_steps: int = 1
  milestones: tuple[int, ...] = ()

  def at(self, step: int) -> float:
    """The learning rate of the training step number `step`, counted from 0."""
    if step < self.warmup_steps:
      return self.peak * (step + 1) / self.warmup_steps
    done = step - self.warmup_steps
    left = max(self.total_steps - self.warmup_steps, 1)
    if self.kind in ('cosine', 'one_cycle'):
      return self.peak * 0.5 * (1 + math.cos(math.pi * done / left))
    if self.kind == 'milestones':
      return self.peak * self.decay ** sum(milestone <= step for milestone in self.milestones)
    intervals = done / self.decay_steps
    return self.peak * self.decay ** (intervals if self.kind == 'exponential' else math.floor(intervals))


@dataclasses.dataclass(frozen=True)
class Plan:
  """What happens at which step; steps are counted from 0 and an event at step s happens after s training steps.

  Attributes:
    steps_per_epoch: training steps per epoch.
    total_steps: training steps of the whole run.
    fine_tune_step: where the fine-tuning cycle of the learning rate begins; `total_steps` without one.
    search_every: steps between two looks at the factors; 0 = no search.
    search_end: last look.
    ramp_steps: steps over which the penalty grows.
    pruning: when and how much to prune; None = never.
    removes_first: whether units go before the first step.
    quantize_step: from which step on weights and activations are rounded as a file's; `total_steps` = never.
  """

  steps_per_epoch: int
  total_steps: int
  fine_tune_step: int
  search_every: int
  search_end: int
  ramp_steps: int
  pruning: RegrowthSchedule | None
  removes_first: bool
  quantize_step: int
  _rates: tuple[LearningRate, LearningRate | None]

  @classmethod
  def of(cls, config: Config, steps_per_epoch: int) -> 'Plan':
    """The plan of a run.

    Raises:
      ConfigError: durations that contradict each other.
    """
    training, search, pruning = config.training, config.search, config.pruning
    total = config.epochs * steps_per_epoch
    main = total - training.fine_tune_epochs * steps_per_epoch

    def steps(duration: Duration) -> int:
      return duration.steps(main, steps_per_epoch)

    searches = (search.penalty > 0 or search.has_target) and search.unit_search == 'factors'
    prunes = max(pruning.sparsity) > 0
    search_end = min(steps(search.search_end), main) if searches else 0
    last_prune = min(steps(pruning.prune_end), main)
    if searches and not search_end:
      raise ConfigError(
        'A search lasts at least one step. Received: --search_end=0. Raise it, or set no target (--target_macs=0, no --target_latency_ms)'
        ' and --penalty=0.'
      )
    if searches and steps(search.penalty_ramp) >= search_end:
      raise ConfigError(
        'The penalty has grown before the search ends, else nothing is searched. Received: --penalty_ramp until step'
        f' {steps(search.penalty_ramp)}, --search_end at step {search_end}. Lower --penalty_ramp or raise --search_end.'
      )
    if prunes and not last_prune:
      raise ConfigError('Pruning ends after at least one step. Received: --prune_end=0. Raise it, or set --sparsity=0.')
    if prunes and steps(pruning.prune_begin) > last_prune:
      raise ConfigError(
        f'Pruning begins before it ends. Received: prune_begin at step {steps(pruning.prune_begin)}, prune_end at step {last_prune}.'
        ' Lower --prune_begin or raise --prune_end.'
      )
    if searches and prunes and search_end > last_prune:
      raise ConfigError(
        'The search ends before the last pruning, since a network that still shrinks loses its sparsity. Received:'
        f' search_end at step {search_end}, prune_end at step {last_prune}. Lower --search_end or raise --prune_end.'
      )
    quantize_step = min(steps(training.quantize_begin), total) if training.quantize else total
    _check_rounding(training.quantize, quantize_step, total, search_end, last_prune if prunes else 0)
    return cls(
      steps_per_epoch=steps_per_epoch,
      total_steps=total,
      fine_tune_step=main,
      search_every=max(steps(search.search_interval), 1) if searches else 0,
      search_end=search_end,
      ramp_steps=steps(search.penalty_ramp),
      pruning=_pruning(config, steps, last_prune) if prunes else None,
      removes_first=search.removes_first,
      quantize_step=quantize_step,
      _rates=(_rate(config, main, steps_per_epoch), _rate(config, total - main, steps_per_epoch) if total > main else None),
    )

  def holding(self, sparsity: float) -> 'Plan':
    """The same under wrappers that hold a mask of that sparsity."""
    never = self.total_steps + 1
    return dataclasses.replace(self, pruning=Constant(sparsity, never, never, 1))

  def steps(self, duration: Duration) -> int:
    """A duration in steps; shares are of the training before a fine-tuning."""
    return duration.steps(self.fine_tune_step, self.steps_per_epoch)

  @property
  def warmup_steps(self) -> int:
    """Steps of the learning rate's rise at the start."""
    return self._rates[0].warmup_steps

  def learning_rate(self, step: int) -> float:
    """The learning rate of training step `step`."""
    main, tuning = self._rates
    return main.at(step) if tuning is None or step < self.fine_tune_step else tuning.at(step - self.fine_tune_step)

  def is_quantized(self, step: int) -> bool:
    """Whether training step `step` sees the rounding of files."""
    return step >= self.quantize_step

  def ramp(self, step: int) -> float:
    """How far the penalty has grown, 0 to 1; 0 when the search is over."""
    if not self.search_every or step >= self.search_end:
      return 0.0
    return min(step / self.ramp_steps, 1.0) if self.ramp_steps else 1.0

  def is_search_due(self, step: int) -> bool:
    """Whether to look at the factors after `step` steps."""
    return bool(self.search_every) and 0 < step <= self.search_end and (step % self.search_every == 0 or step == self.search_end)


def training_alone(config: Config, steps_per_epoch: int) -> Plan:
  """The plan of a run that neither searches nor prunes, whatever the settings of both are."""
  return pruning_alone(dataclasses.replace(config, pruning=dataclasses.replace(config.pruning, sparsity=(0.0,))), steps_per_epoch)


def searching_alone(config: Config, steps_per_epoch: int) -> Plan:
  """The plan of a run that searches but does not prune."""
  return Plan.of(dataclasses.replace(config, pruning=dataclasses.replace(config.pruning, sparsity=(0.0,))), steps_per_epoch)


def pruning_alone(config: Config, steps_per_epoch: int) -> Plan:
  """The plan of a run that prunes but does not search."""
  search = dataclasses.replace(config.search, penalty=0.0, target_macs=0.0, target_latency_ms=0.0)
  return Plan.of(dataclasses.replace(config, search=search), steps_per_epoch)


def _check_rounding(number_format: str, begin: int, total: int, search_end: int, last_prune: int) -> None:
  """Raises ConfigError where a training would end without its rounding, or change its network under it."""
  if number_format and begin >= total:
    raise ConfigError(f'--quantize_begin lies before the end of the training. Received: step {begin} of {total}. Lower it.')
  if number_format and begin < max(search_end, last_prune):
    raise ConfigError(
      f'Weights are rounded when units and mask are final. Received: --quantize_begin at step {begin}, --search_end at step {search_end},'
      f' --prune_end at step {last_prune}. Raise --quantize_begin or lower the others.'
    )


def _pruning(config: Config, steps, last_prune: int) -> RegrowthSchedule:
  pruning = config.pruning
  begin = max(steps(pruning.prune_begin), 1)  # The first ranking is after the first step.
  window = (begin, min(steps(pruning.reactivation_end), last_prune))
  interval = max(steps(pruning.prune_interval), 1)
  return schedules.named(pruning.pruning_schedule)(max(pruning.sparsity), begin, last_prune, interval, (window,))


def _rate(config: Config, total: int, steps_per_epoch: int) -> LearningRate:
  """One cycle of `total` steps: fractions are of the cycle, so that a short one anneals too."""
  training = config.training
  warmup = training.warmup
  if training.learning_rate_schedule == 'one_cycle' and warmup.unit == SHARE:
    warmup = share(max(warmup.amount, _ONE_CYCLE_RISE))
  warmup_steps = min(warmup.steps(total, steps_per_epoch), total)
  decay_steps = max(training.decay_interval.steps(total, steps_per_epoch), 1)
  milestones = tuple(milestone.steps(total, steps_per_epoch) for milestone in training.learning_rate_milestones)
  return LearningRate(
    training.learning_rate_schedule, training.learning_rate, warmup_steps, total, training.learning_rate_decay, decay_steps, milestones
  )
