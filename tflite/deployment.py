"""What becomes of a ticket's network on its way into a file: the deployment graph, or the network as it stands."""

from collections.abc import Callable, Sequence
import dataclasses
from typing import Any

import numpy as np
import tf_keras as keras

from st_tf.task import Normalisation
from st_tf.ticket import Ticket
from tflite.deploy import deployed
from tflite.deploy.emit import emit
from tflite.deploy.lower import LoweringError
from tflite.deploy.simplify import repeat_pixels


@dataclasses.dataclass(frozen=True)
class Deployment:
  """A network as it goes into a file.

  Attributes:
    function: images [batch, height, width, 3] -> outputs; normalised images, or pixels from 0 to 1 where so built.
    variables: what it reads.
    kernels: its weights with more than one axis.
    note: what was done to the network, for people.
    repeats: how often each pixel of a map comes in the output, per direction.
  """

  function: Callable[[Any], Any]
  variables: Sequence[Any]
  kernels: Sequence[np.ndarray]
  note: str
  repeats: int = 1

  def repeated(self, outputs: np.ndarray) -> np.ndarray:
    """Outputs of the network as the file gives them."""
    return outputs.repeat(self.repeats, 1).repeat(self.repeats, 2) if self.repeats > 1 else outputs

  def single(self, outputs: np.ndarray) -> np.ndarray:
    """Outputs of the file as the network gives them."""
    return outputs[:, :: self.repeats, :: self.repeats] if self.repeats > 1 else outputs


def of_ticket(ticket: Ticket) -> Deployment:
  """The deployment of a ticket, which reads pixels from 0 to 1."""
  network = deployment(ticket.network)
  return dataclasses.replace(network, function=reading_units(network.function, normalisation_of(ticket)))


def normalisation_of(ticket: Ticket) -> Normalisation:
  """How the ticket's network wants pixels."""
  return ticket.task.normalisation


def reading_units(function: Callable[[Any], Any], normalisation: Normalisation) -> Callable[[Any], Any]:
  """`function` of normalised images as one of pixels from 0 to 1: MediaPipe Tasks refuse a normalisation per channel.

  So a file brings its own, as its first operation.
  """
  normalise = normalisation.from_units
  return lambda image: function(normalise(image))


def deployment(model: keras.Model) -> Deployment:
  """The deployment of a plain Keras model; a layer that deployment graphs do not have leaves the network as it stands.

  A map ends with each of its pixels four times, by DEPTH_TO_SPACE: where sparse inference may end.
  """
  try:
    graph = deployed(model)
  except LoweringError as error:
    kernels = [np.asarray(value) for value in model.get_weights() if value.ndim > 1]
    return Deployment(lambda image: model(image, training=False), model.variables, kernels, f'as trained. {error}')
  ended = repeat_pixels(graph)
  kernels = [node['kernel'] for node in graph.nodes if 'kernel' in node.arrays]
  repeated = '; each pixel of the map comes four times' if ended is not graph else ''
  note = f'{len(graph.nodes) - 1} operations for {len(model.layers)} layers; norms folded, silent units removed{repeated}'
  repeats = ended[ended.output].shape[0] // graph[graph.output].shape[0] if ended is not graph else 1
  return Deployment(emit(ended), (), kernels, note, repeats)
