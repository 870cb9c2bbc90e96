"""A ticket: an architecture and the sparse, trainable subnetwork in it, as one folder of plain files."""

from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import functools
import json
import os
import pathlib
from typing import Any

import numpy as np
from PIL import Image
import tf_keras as keras

from st_tf import elsewhere, files, plain
from st_tf.arch.graph import Architecture, Graph, architecture
from st_tf.arch.specs import HeadSpec, SpecError
from st_tf.config.named_files import TICKET as FACTS
from st_tf.config.named_files import missing_ticket
from st_tf.errors import UserError
from st_tf.models import build, keras_files, named_variables
from st_tf.models import cost as costs
from st_tf.ticket import card, fitting, prediction
from st_tf.ticket.facts import Costs, Provenance, TaskFacts, check_metrics

FORMAT = 1
MODEL = 'model.tflite'
_WEIGHTS = 'weights.safetensors'
_MASKS = 'masks.safetensors'
_EARLY = 'early.safetensors'
_KERAS_SUFFIXES = {2: ('.keras', '.h5'), 3: ('.keras',)}  # By the version of Keras that opens the file.
_BATCH = 8  # Pictures that are looked at together.


class TicketError(UserError):
  """A folder that holds no usable ticket."""


@dataclasses.dataclass(frozen=True)
class Early:
  """The weights that a winning ticket goes back to.

  Attributes:
    values: every variable by 'layer/variable'; those that the ticket prunes too.
    step: training steps that they have taken.
  """

  values: dict[str, np.ndarray]
  step: int


@dataclasses.dataclass(frozen=True)
class Ticket:
  """What a method ends with.

  Attributes:
    arch: the network that is left.
    supernet: the network it was drawn from.
    head: its head.
    input_shape: (height, width, channels) of one image.
    weights: every variable by 'layer/variable'; pruned weights are exactly 0.
    masks: kept weights of every prunable variable, by the same names.
    survivors: original indices of the units that are left, by group ('block/k3'); all where a group is not named.
    task: what it knows of its task.
    sparsity: fraction of the prunable weights that was asked for.
    metrics: scores per split, by name; 'per_class' and 'confusion' of the test split; 'baselines' of a split by name, the primary score of
      each; 'intervals' of a split, 'low' and 'high', where the primary score is no share of right examples; 'baseline_intervals' of a
      split by baseline, likewise.
    cost: parameters and MACs.
    provenance: where it comes from.
    early: what its last training began with, where that is a training's early weights; None = something else.
  """

  arch: Architecture
  supernet: Architecture
  head: HeadSpec
  input_shape: tuple[int, int, int]
  weights: dict[str, np.ndarray]
  masks: dict[str, np.ndarray]
  survivors: dict[str, list[int]]
  task: TaskFacts
  sparsity: float
  metrics: dict[str, Any] = dataclasses.field(default_factory=dict)
  cost: Costs = dataclasses.field(default_factory=Costs)
  provenance: Provenance = dataclasses.field(default_factory=Provenance)
  early: Early | None = None

  @property
  def kind(self) -> str:
    """What its outputs are: one of `st_tf.task.KINDS`."""
    return self.task.kind

  @property
  def fingerprint(self) -> str:
    """Changes with architecture, mask and weights, early ones and their step too, and with nothing else."""
    arrays = {f'weight/{name}': value for name, value in self.weights.items()}
    if self.early:
      arrays |= {f'early/{name}': value for name, value in self.early.values.items()} | {
        'early_step': np.asarray(self.early.step, np.int64)
      }
    arrays |= {f'mask/{name}': value for name, value in self.masks.items()}
    arrays['arch'] = np.frombuffer(json.dumps([_without_defaults(self.arch), dataclasses.asdict(self.head)]).encode(), np.uint8)
    return files.digest(arrays)

  def build_model(self, raw: bool = False) -> keras.Model:
    """The network as a plain Keras model, without wrappers: pixels [batch, height, width, 3] float32, RGB from 0 to 1 -> logits.

    Args:
      raw: whether it reads images that are normalised as the ticket's task does it, as in training.

    Raises:
      TicketError: the weights do not fit the architecture.
    """
    model = build(self.arch, self.head, self.input_shape, first=None if raw else self._normalisation())
    variables = named_variables(model)
    for name, variable in variables.items():
      if name not in self.weights or self.weights[name].shape != tuple(variable.shape):
        found = self.weights[name].shape if name in self.weights else 'none'
        raise TicketError(f'Weights fit the architecture. Received: {name} of {found}, not {tuple(variable.shape)}. Draw the ticket again.')
      variable.assign(self.weights[name])
    return model

  @functools.cached_property
  def network(self) -> keras.Model:
    """The raw network to ask and to read from, not to change: built once, and no part of what the ticket is."""
    return self.build_model(raw=True)

  def predict(self, images: prediction.Picture | Iterable[prediction.Picture]) -> prediction.Prediction | list[prediction.Prediction]:
    """What the ticket sees in a picture, or in each of several.

    The network sees the largest middle part of a picture that has the shape it was trained for; a ticket for joints wants a picture that
    one person fills. No data of the task is needed.

    Args:
      images: a picture file, a PIL picture or [height, width, 3] uint8; several of them, or [n, height, width, 3] uint8.

    Raises:
      PictureError, TaskError: one is no picture, or cannot be read.
    """
    if prediction.is_single(images):
      return self._predict([prediction.read(images, 'the picture')])[0]
    pictures = [prediction.read(picture, f'picture {index}') for index, picture in enumerate(images)]
    batches = [pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH)]
    return [found for batch in batches for found in self._predict(batch)]

  def _predict(self, pictures: Sequence[Image.Image]) -> list[prediction.Prediction]:
    size, keep = self.input_shape[:2], self.task.keep
    inputs = np.stack([prediction.network_input(picture, size, self.task) for picture in pictures])
    outputs = self.network(inputs, training=False).numpy()
    crops = [prediction.crop_of(picture, size, keep) for picture in pictures]
    return [prediction.prediction(crop, output, self.task) for crop, output in zip(crops, outputs)]

  def save_keras(self, path: str | pathlib.Path, raw: bool = False, version: int = 2) -> None:
    """Writes `build_model` as a file for `tf_keras.models.load_model`; `import st_tf.models` first where that is asked.

    Args:
      path: a `.keras` file, or `.h5` for older programs; one that is there is replaced.
      raw: as of `build_model`.
      version: of Keras that opens it: 2 is tf_keras, 3 is Keras 3, which needs no code of ours and reads `.keras` files only.

    Raises:
      TicketError: the name has another suffix, there is no such version, or the file cannot be written; an older one stays then.
      SpecError: the network has a layer that Keras 3 has not.
    """
    path = pathlib.Path(path)
    if version not in _KERAS_SUFFIXES:
      raise TicketError(f'A Keras model is of version 2 (tf_keras) or 3. Received: {version!r}.')
    if path.suffix not in _KERAS_SUFFIXES[version]:
      kinds = ' or '.join(_KERAS_SUFFIXES[version])
      raise TicketError(f'A Keras model is a {kinds} file. Received: {path}. Write for example {path.with_suffix(".keras")}.')
    model = self.build_model(raw)

    def fill(file: pathlib.Path) -> None:
      if version == 3:
        keras_files.save(*keras_files.read_any(model), file)
      elif file.suffix == '.h5':
        file.write_bytes(keras_files.h5(model))
      else:
        model.save(file)

    try:
      files.write_file(path, fill)
    except OSError as error:
      raise TicketError(f'A model is written into a folder that has room for it. Received: {path} ({error}).') from error

  def count(self) -> costs.Cost:
    """Parameters and MACs, layer by layer, of the network and of its non-zeros."""
    return costs.of(self.network, self.masks)

  def _normalisation(self) -> keras.layers.Layer:
    """Pixels from 0 to 1 -> what the network was trained on, in the arithmetic of exported files."""
    factor, summand = self.task.normalisation.from_units
    return keras.layers.Rescaling(factor.tolist(), summand.tolist(), name='normalisation')

  def save(self, path: str | pathlib.Path) -> None:
    """Writes the ticket's facts, weights and masks into folder `path`; a model and a report that are there stay.

    Raises:
      OSError: the folder cannot be written; an older ticket there is untouched then.
    """
    path = pathlib.Path(path)

    def fill(folder: pathlib.Path) -> None:
      files.write_arrays(folder / _WEIGHTS, self.weights)
      files.write_arrays(folder / _MASKS, self.masks)
      if self.early:
        files.write_arrays(folder / _EARLY, self.early.values)
      (folder / FACTS).write_text(json.dumps(self._facts(), indent=1) + '\n', encoding='utf-8')

    if (path / FACTS).exists() and _same_arrays(path, self.fingerprint):
      files.write_text(path / FACTS, json.dumps(self._facts(), indent=1) + '\n')
    else:
      files.write_folder(path, fill)

  @classmethod
  def load(cls, path: str | pathlib.Path) -> 'Ticket':
    """The ticket in folder `path`, which may be an address such as s3://bucket/run/tickets/sparsity_0.9.

    Raises:
      UserError: the address does not answer.
      TicketError: there is none, it is damaged, or it is of another format.
    """
    path = elsewhere.fetched(path)
    missing = missing_ticket(path)
    if missing:
      raise TicketError(missing)
    path = pathlib.Path(os.path.expanduser(path))
    try:
      facts = plain.read(path / FACTS)
      if not isinstance(facts, Mapping) or facts.get('format') != FORMAT:
        found = facts.get('format') if isinstance(facts, Mapping) else type(facts).__name__
        raise TicketError(f'This program reads tickets of format {FORMAT}. Received: format {found!s:.20} in {path}. Update the program.')
      ticket = cls(
        arch=architecture(facts['arch']),
        supernet=architecture(facts['supernet']),
        head=_head(facts['head']),
        input_shape=_shape(facts['input_shape']),
        weights=files.read_arrays(path / _WEIGHTS),
        masks=files.read_arrays(path / _MASKS),
        early=_early(facts, path / _EARLY),
        **_checked(facts),
      )
      fitting.check(ticket.arch, ticket.head, ticket.input_shape, ticket.weights, ticket.masks)
    except TicketError:
      raise
    except (KeyError, TypeError, OverflowError, AttributeError, ValueError, SpecError) as error:
      why = ' '.join(str(error).split())  # It may repeat a text of the file.
      raise TicketError(f'A ticket can be read back whole. Received: {path} ({why}). Copy it anew or draw it again.') from error
    if ticket.fingerprint != facts.get('fingerprint'):
      raise TicketError(f"A ticket's weights match its fingerprint. Received: {path}, which was changed or damaged. Copy it anew.")
    return ticket

  def _repr_html_(self) -> str:
    return card.page(self)

  def _facts(self) -> dict[str, Any]:
    return {
      'format': FORMAT,
      'fingerprint': self.fingerprint,
      'sparsity': self.sparsity,
      'task': self.task.to_json(),
      'metrics': self.metrics,
      'cost': self.cost.to_json(),
      'provenance': self.provenance.to_json(),
      'head': dataclasses.asdict(self.head),
      'input_shape': self.input_shape,
      'arch': self.arch.to_json(),
      'supernet': self.supernet.to_json(),
      'survivors': self.survivors,
    } | ({'early_step': self.early.step} if self.early else {})


def _without_defaults(arch: Architecture) -> dict[str, Any]:
  """What sets a network apart; a field that a later version adds leaves the fingerprints of older tickets as they are."""
  if isinstance(arch, Graph):
    return arch.to_json()
  defaults = {field.name: field.default for field in dataclasses.fields(arch)}
  return {name: value for name, value in arch.to_json().items() if value != defaults[name]}


def _checked(facts: Mapping[str, Any]) -> dict[str, Any]:
  """The facts that the fingerprint does not cover.

  Raises:
    KeyError, ValueError: one is missing or of another kind.
  """
  for name in ('survivors', 'task', 'metrics', 'cost', 'provenance'):
    if not isinstance(facts[name], dict):
      raise ValueError(f'{name} is {type(facts[name]).__name__}, not an object')
  check_metrics(facts['metrics'], facts['task'].get('primary_metric'))
  return {
    'survivors': _survivors(facts['survivors']),
    'task': TaskFacts.from_json(facts['task'], facts['head']['outputs']),
    'sparsity': _share(facts['sparsity']),
    'metrics': facts['metrics'],
    'cost': Costs.from_json(facts['cost']),
    'provenance': Provenance.from_json(facts['provenance']),
  }


def _early(facts: Mapping[str, Any], path: pathlib.Path) -> Early | None:
  if 'early_step' not in facts:
    return None
  plain.check(facts['early_step'], int, 'early_step')
  if facts['early_step'] < 0:
    raise ValueError(f'early_step is {facts["early_step"]}, not a number of steps')
  return Early(files.read_arrays(path), facts['early_step'])


def _head(facts: Any) -> HeadSpec:
  plain.check(facts, HeadSpec, 'head')
  return HeadSpec(**facts)


def _shape(facts: Any) -> tuple[int, int, int]:
  plain.check(facts, tuple[int, int, int], 'input_shape')
  if min(facts) < 1 or facts[2] != 3:
    raise ValueError(f'input_shape is {facts}, not (height, width, 3)')
  return tuple(facts)


def _share(value: Any) -> float:
  plain.check(value, float, 'sparsity')
  if not 0 <= value <= 1:
    raise ValueError(f'sparsity is {value}, not a share')
  return float(value)


def _survivors(facts: Any) -> dict[str, list[int]]:
  plain.check(facts, Mapping[str, list[int]], 'survivors')
  wrong = next((name for name, units in facts.items() if min(units, default=0) < 0), None)
  if wrong is not None:
    raise ValueError(f'survivors.{wrong} has numbers below 0')
  return facts


def _same_arrays(path: pathlib.Path, fingerprint: str) -> bool:
  try:
    return Ticket.load(path).fingerprint == fingerprint
  except TicketError:
    return False
