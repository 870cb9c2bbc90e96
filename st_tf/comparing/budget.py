"""What all trainings of a run cost together, and the epochs with which they keep to a budget; counted in epochs of the whole supernet."""

import bisect
import dataclasses

from st_tf import methods
from st_tf.config import DURATIONS, Config, ConfigError, Identity
from st_tf.config.duration import EPOCHS, Duration, share
from st_tf.methods._method import SEARCHED, WHOLE, Training
from st_tf.methods._pipeline import alone, retrain_epochs, trial_epochs
from st_tf.search import steering
from st_tf.training.meter import STEP_PASSES

_MOST_EPOCHS = 10**6


def within(config: Config, budget: float, whole: int) -> Config:
  """The settings with which all trainings together cost at most `budget`, as `spent` counts.

  They have as many epochs each as it allows, or keep the proportion they were given; where the rest suffices, the training of --epochs
  has one more.

  Raises:
    ConfigError: even one epoch each is too much.
  """
  epochs = bisect.bisect_right(range(1, _MOST_EPOCHS), budget, key=lambda epochs: spent(_with_epochs(config, epochs), whole))
  if not epochs:
    raise ConfigError(
      f'--budget gives every training at least one epoch. Received: {budget:g} epochs for {len(_trainings(config))} trainings of'
      f' {config.method}. Raise --budget, or leave the method out.'
    )
  equal = _with_epochs(config, epochs)
  kept = {'retrain_epochs': retrain_epochs(equal), 'trial_epochs': trial_epochs(equal), 'fine_tune_epochs': equal.training.fine_tune_epochs}
  longer = Config.from_flat(_with_epochs(config, epochs + 1).flat() | kept)
  return longer if spent(longer, whole) <= budget else equal


def _with_epochs(config: Config, epochs: int) -> Config:
  """The settings with other --epochs; what was given in epochs changes with them."""
  if epochs == config.epochs:
    return config
  flat, main = config.flat(), config.epochs - config.training.fine_tune_epochs

  def scaled(written: float | str) -> Duration:
    given = Duration.of(written)
    return share(given.amount / main) if given.unit == EPOCHS and given.amount <= main else given

  lengths = {name: tuple(map(scaled, flat[name])) if isinstance(flat[name], tuple) else scaled(flat[name]) for name in DURATIONS}
  lengths |= {name: flat[name] and max(flat[name] * epochs // config.epochs, 1) for name in ('retrain_epochs', 'trial_epochs')}
  lengths['fine_tune_epochs'] = flat['fine_tune_epochs'] * epochs // config.epochs
  return Config.from_flat(flat | lengths | {'epochs': epochs})


def spent(config: Config, whole: int) -> float:
  """What all trainings of a run cost, in epochs of the whole supernet, as far as it is known before them.

  A search is taken to keep to its planned path; one by milliseconds, or with no target, to save nothing. What scoring weights before
  training takes and dense gradients of RigL are not in it, and all trials of a tuner count as of full length. A teacher is taken to compute
  what the supernet does, forwards only.

  Args:
    config: the run's settings.
    whole: MACs of the supernet.
  """
  epochs: dict[str, float] = {}
  for training in _trainings(config):
    epochs[training.network] = epochs.get(training.network, 0) + training.epochs
  taught = 1 / STEP_PASSES if config.training.teacher else 0.0
  own = sum((_share(config, network, whole) + taught) * count for network, count in epochs.items())
  return own + methods.named(config.method).before(config, whole)


def _share(config: Config, network: str, whole: int) -> float:
  """What a training of that network computes on average, as a share of the supernet's MACs."""
  if network == WHOLE:
    return 1.0
  left, search = _left(config, whole), config.search
  if network == SEARCHED or search.unit_search == 'scores':  # What goes before the first step costs nothing after it.
    return left
  begin, end, interval = (_fraction(config, duration) for duration in (search.penalty_ramp, search.search_end, search.search_interval))
  return steering.mean_on_path(1.0, left, begin, end, interval)


def _left(config: Config, whole: int) -> float:
  """Share of the supernet's MACs that a search leaves."""
  in_ms = config.search.target_latency_ms and not methods.named(config.method).has_networks  # Whose MACs have a target all the same.
  target = 0.0 if in_ms else config.search.target_macs
  return min(target if target <= 1 else target / whole, 1.0) or 1.0


def _fraction(config: Config, duration: Duration) -> float:
  main = config.epochs - config.training.fine_tune_epochs
  return min(duration.epochs(main, unknown=main), main) / config.epochs


def trainings(run: Identity) -> dict[str, float]:
  """Epochs of each training of a run; those that several runs share have one name in all of them."""
  config = run.settings
  first, *others = _trainings(config)
  if not first.name:
    return {run.run_name(): first.epochs}
  # Runs that differ in their sparsities have the same trainings up to there; the names of the others say a sparsity.
  own = run.derived(dataclasses.replace(config, pruning=dataclasses.replace(config.pruning, sparsity=(0.0,)))).run_name()
  shared = methods.named(config.method).first
  name = run.derived(alone(config, shared)).run_name() if shared else f'{own}/{first.name}'
  return {name: first.epochs} | {f'{own}/{training.name}': training.epochs for training in others}


def _trainings(config: Config) -> list[Training]:
  """Each training of a run once: rounds on the way to several sparsities may be the same."""
  return list({training.name: training for training in methods.named(config.method).trainings(config)}.values())
