"""What a ticket says of itself beside its arrays: its task, what it costs, where it comes from. Plain data, to and from JSON.

What a later version adds to these facts is kept in `further`, so that it survives when a ticket is read and saved again.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import re
from typing import Any, Self

from st_tf import plain
from st_tf.task import KINDS, SPLITS, Normalisation, confidence

_COLOUR = re.compile('#[0-9a-fA-F]{6}')


@dataclasses.dataclass(frozen=True)
class TrainingCost:
  """All training that a ticket has taken, its sources' included.

  Attributes:
    epochs: images shown in training, in passes over the training data.
    macs: multiply-accumulates of these images in the networks as they were computed: units that have gone count no more, zeros do.
    seconds: wall-clock time, in which each epoch's evaluation is.
  """

  epochs: float = 0.0
  macs: int = 0
  seconds: float = 0.0

  def __add__(self, other: 'TrainingCost') -> 'TrainingCost':
    """Both together."""
    return TrainingCost(self.epochs + other.epochs, self.macs + other.macs, self.seconds + other.seconds)


@dataclasses.dataclass(frozen=True)
class Costs:
  """Parameters and MACs per image: of a ticket's network, of its non-zeros, of its supernet; prunable weights and zeros.

  Attributes:
    params: trainable parameters of the network.
    macs: its multiply-accumulates.
    nonzero_params: the parameters that the masks leave.
    nonzero_macs: the multiply-accumulates that they leave.
    prunable: weights under a mask.
    zeros: how many of them are pruned.
    supernet_params: trainable parameters of the supernet.
    supernet_macs: its multiply-accumulates.
    supernet_prunable: weights of the supernet that are prunable.
    supernet_zeros: how many of them have gone, pruned or with their unit.
    further: what a later version says.
  """

  params: int = 0
  macs: int = 0
  nonzero_params: int = 0
  nonzero_macs: int = 0
  prunable: int = 0
  zeros: int = 0
  supernet_params: int = 0
  supernet_macs: int = 0
  supernet_prunable: int = 0
  supernet_zeros: int = 0
  further: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  @classmethod
  def from_json(cls, facts: Mapping[str, Any]) -> Self:
    """The costs in a ticket's file.

    Raises:
      ValueError: a cost is no whole number.
    """
    plain.check_fields(facts, cls, 'cost')
    return cls(**_with_further(cls, facts))

  def to_json(self) -> dict[str, Any]:
    """As the file has them."""
    return _written(self, dataclasses.fields(self))


@dataclasses.dataclass(frozen=True)
class TaskFacts:
  """What a ticket knows of its task, so that it is of use without the task's data; of a network that has not met one, nothing.

  Attributes:
    name: as given to `--task`.
    labels: names of the outputs, in order.
    mean: per channel, subtracted from images in [0, 1].
    deviation: per channel, what they were divided by.
    primary_metric: the score that decides.
    image_size: (height, width) of the training images, in pixels.
    keep: share of a picture's shorter side that scoring keeps.
    semantics: what the outputs mean, as `st_tf.task.Task` has it.
    further: what a later version says.
  """

  name: str = ''
  labels: tuple[str, ...] = ()
  mean: tuple[float, ...] = (0.0, 0.0, 0.0)
  deviation: tuple[float, ...] = (1.0, 1.0, 1.0)
  primary_metric: str = ''
  image_size: tuple[int, int] = (0, 0)
  keep: float = 1.0
  semantics: Mapping[str, Any] = dataclasses.field(default_factory=lambda: {'kind': 'classification'})
  further: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  @property
  def normalisation(self) -> Normalisation:
    """How the network wants pixels."""
    return Normalisation(self.mean, self.deviation)

  @property
  def kind(self) -> str:
    """What the outputs are: one of `st_tf.task.KINDS`."""
    return self.semantics['kind']

  @classmethod
  def from_json(cls, facts: Mapping[str, Any], outputs: int) -> Self:
    """The task in a ticket's file; those from before there were several kinds say nothing of `keep` and `semantics`.

    Args:
      facts: the task.
      outputs: how many the network has.

    Raises:
      KeyError, ValueError: a fact is missing or of another kind.
    """
    for name, length in (('labels', outputs), ('mean', 3), ('deviation', 3), ('image_size', 2)):
      if not isinstance(facts[name], list) or len(facts[name]) != length:
        raise ValueError(f"the task's {name} are no list of {length}")
    for name in ('name', 'primary_metric'):
      if not isinstance(facts[name], str):
        raise ValueError(f"the task's {name} is no text")
    plain.check_fields(facts, cls, 'task')
    if min(facts['deviation']) <= 0:
      raise ValueError(f"the task's deviation is {facts['deviation']}, of which one is not above 0")
    if not 0 < facts.get('keep', 1.0) <= 1:
      raise ValueError(f"the task's keep is {facts['keep']}, not a share of a picture")
    if 'semantics' in facts:
      _check_semantics(facts['semantics'], outputs)
    found = _with_further(cls, facts)
    return cls(**found | {name: tuple(found[name]) for name in ('labels', 'mean', 'deviation', 'image_size')})

  def to_json(self) -> dict[str, Any]:
    """As the file has it."""
    return _written(self, dataclasses.fields(self))


@dataclasses.dataclass(frozen=True)
class Provenance:
  """Where a ticket comes from. What is not known is at its default, and not in the ticket's file.

  Attributes:
    method: that drew it.
    config: settings of its run, by flag.
    command: that began the run.
    versions: of the packages that decide what comes out, by name.
    finished: when, in UTC.
    seconds: that its run took.
    training: what all training for it has cost; None in tickets that were drawn before this was counted.
    steps: training steps of its run.
    examples: of the data that it was trained and scored on, by split.
    splits: where splits come from that the source of the data has not, or not as such, in words.
    source: fingerprint of the ticket that its run began with.
    latency: 'milliseconds' by the table that the search had, and what this 'table' was measured on.
    trimmed: units that had to go at the end of the search to meet its target.
    trials: of a search that trained many networks, what became of each.
    further: what another version says.
  """

  method: str = ''
  config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  command: str = ''
  versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
  finished: str = ''
  seconds: float | None = None
  training: TrainingCost | None = None
  steps: int | None = None
  examples: Mapping[str, int] = dataclasses.field(default_factory=dict)
  splits: Mapping[str, str] = dataclasses.field(default_factory=dict)
  source: str = ''
  latency: Mapping[str, Any] | None = None
  trimmed: int = 0
  trials: Sequence[Mapping[str, Any]] = ()
  further: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  @property
  def all_training(self) -> TrainingCost:
    """What all training for the ticket has cost; where this was not counted, nothing but the time of its run."""
    return TrainingCost(seconds=self.seconds or 0.0) if self.training is None else self.training

  @classmethod
  def from_json(cls, facts: Mapping[str, Any]) -> Self:
    """The provenance in a ticket's file.

    Raises:
      ValueError: a fact is of another type.
    """
    plain.check_fields(facts, cls, 'provenance')
    found = _with_further(cls, facts)
    for name, value in found.get('config', {}).items():
      plain.check(value, str | bool | int | float | None | list[Any], f'provenance.config.{name}')
    if found.get('training') is not None:
      found['training'] = TrainingCost(**found['training'])
    return cls(**found)

  def to_json(self) -> dict[str, Any]:
    """As the file has it: what is known."""
    blank = Provenance()
    return _written(self, [field for field in dataclasses.fields(self) if getattr(self, field.name) != getattr(blank, field.name)])


def check_metrics(metrics: Mapping[str, Any], primary: Any) -> None:
  """Refuses scores that are no numbers, or not by split, by class, and by split and baseline, and intervals without ends.

  Args:
    metrics: of a ticket.
    primary: the score that decides, which every split has; nothing of a network that has not met a task.

  Raises:
    ValueError: naming the first.
  """
  for name in SPLITS:
    plain.check(metrics.get(name, {}), Mapping[str, float], f'metrics.{name}')
    if primary and name in metrics and primary not in metrics[name]:
      raise ValueError(f'metrics.{name} has no {plain.shortened(primary)}')
  for name in ('per_class', 'baselines', 'confusion', 'intervals'):
    plain.check(metrics.get(name, {}), Mapping[str, Mapping[str, float]], f'metrics.{name}')
  of_baselines = metrics.get(confidence.OF_BASELINES, {})
  plain.check(of_baselines, Mapping[str, Mapping[str, Mapping[str, float]]], f'metrics.{confidence.OF_BASELINES}')
  for intervals in (metrics.get(confidence.INTERVALS, {}), *of_baselines.values()):
    for name, ends in intervals.items():
      if ends and not {'low', 'high'} <= ends.keys():
        raise ValueError(f'the interval of {name} in metrics has not both ends')


def _check_semantics(semantics: Mapping[str, Any], outputs: int) -> None:
  """Refuses what does not say what outputs mean: a kind, of maps the colour of each label, and the pairs of joints that limbs join."""
  kind = semantics.get('kind')
  if kind not in KINDS:
    raise ValueError(f"the task's kind is {plain.shortened(kind)}, not one of {', '.join(KINDS)}")
  colours, limbs = semantics.get('colours', []), semantics.get('skeleton', [])
  plain.check(colours, list[str], 'task.semantics.colours')
  plain.check(limbs, list[tuple[int, int]], 'task.semantics.skeleton')
  if not all(map(_COLOUR.fullmatch, colours)) or (kind != 'classification' and len(colours) != outputs):
    raise ValueError(f"the task's colours are not {outputs} of the form #rrggbb")
  if any(not 0 <= joint < outputs for limb in limbs for joint in limb) or (kind == 'keypoints' and 'skeleton' not in semantics):
    raise ValueError("the task's limbs are no pairs of joints")


def _with_further(kind: type, facts: Mapping[str, Any]) -> dict[str, Any]:
  """Arguments for a dataclass: what it does not know goes into its field `further`."""
  known = {field.name for field in dataclasses.fields(kind)} - {'further'}
  return {name: facts[name] for name in facts if name in known} | {'further': {name: facts[name] for name in facts if name not in known}}


def _written(facts: Any, fields: Sequence[dataclasses.Field]) -> dict[str, Any]:
  values = {field.name: getattr(facts, field.name) for field in fields if field.name != 'further'}
  return {name: _plain(value) for name, value in values.items()} | dict(facts.further)


def _plain(value: Any) -> Any:
  """A value in what JSON has, as it is read again."""
  if dataclasses.is_dataclass(value):
    return dataclasses.asdict(value)
  if isinstance(value, Mapping):
    return {name: _plain(entry) for name, entry in value.items()}
  return [_plain(entry) for entry in value] if isinstance(value, tuple | list) else value
