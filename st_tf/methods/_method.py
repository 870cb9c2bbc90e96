"""What a method is: how it draws a ticket, and what dry runs and comparisons have to know about it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
import dataclasses
from typing import Any

from st_tf.config import Config
from st_tf.runs.start import fresh
from st_tf.runs.workdir import Workdir
from st_tf.task import Task
from st_tf.ticket import Ticket
from st_tf.training.plan import Plan
from st_tf.training.trainer import Trainer

# Which network a training computes, and so what an epoch of it costs.
WHOLE = 'whole'  # The supernet.
SEARCHING = 'searching'  # The supernet, which becomes smaller on the way to the target.
SEARCHED = 'searched'  # A network of the target's size.


@dataclasses.dataclass(frozen=True)
class Training:
  """One of the trainings that a run is made of.

  Attributes:
    name: of the stage, such as 'search' or 'retrain at 90%'; '' = the run itself, which has no stages.
    epochs: how many.
    network: which one is computed: WHOLE, SEARCHING or SEARCHED.
  """

  name: str
  epochs: float
  network: str = WHOLE


def one_training(config: Config) -> tuple[Training, ...]:
  """Those of a run that trains the whole supernet once."""
  return (Training('', float(config.epochs)),)


def one_searching_training(config: Config) -> tuple[Training, ...]:
  """Those of a run that trains once, and searches meanwhile."""
  return (Training('', float(config.epochs), SEARCHING),)


def as_given(task: Task, config: Config) -> Config:
  """The settings as they are."""
  del task
  return config


def nothing_more(task: Task, config: Config) -> tuple[str, ...]:
  """Of methods that a dry run says all of."""
  del task, config
  return ()


def nothing_before(config: Config, whole: int) -> float:
  """Of methods that begin with nothing that others have trained."""
  del config, whole
  return 0.0


@dataclasses.dataclass(frozen=True)
class Method:
  """A way to get a ticket; the file of a method defines one as METHOD.

  Attributes:
    plan: (settings, steps per epoch) -> what happens when in its first training; refuses settings that it cannot have.
    draw: (task, settings, workdir) -> the ticket, saved in the workdir.
    reads: the settings of search, pruning, pipeline, tuner and evolution that change what it draws or that it refuses.
    trainings: settings -> its trainings in order; a budget counts them.
    first: the method that its first training is a run of, which other methods share: 'dense', 'search_only' or '' = none.
    keeps_everything: whether no weight is pruned, so that a comparison runs it once and not per sparsity.
    is_compared: whether it trains from first weights on; others train a ticket that something else has drawn.
    ranking: how weights are compared, where `--ranking` is not read; '' = as it says.
    published: settings of the published method that are not the defaults.
    pruning: how a dry run describes what it prunes; '' = by the settings.
    settled: (task, settings) -> the settings with those that only what is there can tell.
    trainer: (task, settings, plan) -> what a dry run measures.
    tells: (task, settings) -> lines of a plan that are its own; refuses what it cannot do.
    is_shared: whether several processes share its trainings, by the variables of keras-tuner.
    has_networks: whether it trains networks of its own and not the supernet, of whose MACs its target is a share.
    before: (settings, MACs of the supernet) -> what the trainings of the ticket that it begins with have cost, in epochs of the supernet.
  """

  plan: Callable[[Config, int], Plan]
  draw: Callable[[Task, Config, Workdir], Ticket]
  reads: tuple[str, ...]
  trainings: Callable[[Config], Sequence[Training]]
  first: str = ''
  keeps_everything: bool = False
  is_compared: bool = True
  ranking: str = ''
  published: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  pruning: str = ''
  settled: Callable[[Task, Config], Config] = as_given
  trainer: Callable[[Task, Config, Plan], Trainer] = fresh
  tells: Callable[[Task, Config], Iterable[str]] = nothing_more
  is_shared: bool = False
  has_networks: bool = False
  before: Callable[[Config, int], float] = nothing_before
