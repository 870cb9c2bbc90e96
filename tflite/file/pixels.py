"""Which pixels a file wants: said by a flag, by its metadata, by what its numbers can hold, or by how its graph begins."""

from collections.abc import Mapping, Sequence
import dataclasses

import numpy as np

from st_tf.task import Normalisation
from tflite.file.flat import Model, Operation
from tflite.file.model_file import ModelFileError
from tflite.file.picture import Picture

TASK = 'task'
_IN_WORDS = {
  'bytes': 'from 0 to 255',
  'units': 'from 0 to 1',
  'signed': 'from -1 to 1',
  'imagenet': 'less the mean of ImageNet, over its deviation',
  TASK: 'normalised as those of the task',
}
_PLAIN = ('bytes', 'units', 'signed')
_CLOSE = 0.1  # Of a range: calibration hardly ever meets the very darkest and brightest pixel.
_FEW = 1 / 50  # A first factor up to this, or a first difference from 2 on, is meant for bytes.


@dataclasses.dataclass(frozen=True)
class Pixels:
  """What pixels from 0 to 1 become for a file: less the mean, over the deviation.

  Attributes:
    normalisation: the mean and the deviation, per channel.
    note: what they are and who says so.
  """

  normalisation: Normalisation
  note: str


def wanted(
  model: Model,
  picture: Picture,
  said: tuple[Sequence[float], Sequence[float]] | None,
  choice: str,
  known: Mapping[str, Normalisation],
  name: str,
) -> Pixels:
  """The pixels that a file wants.

  Args:
    model: the file.
    picture: what it reads.
    said: (mean, deviation) that its metadata want pixels from 0 to 255 normalised with; None = they say nothing.
    choice: one of the names of `known`; '' = nobody said.
    known: normalisations by name, the task's among them.
    name: what messages call the file.

  Raises:
    ModelFileError: nothing says so, or what is said does not fit the file's numbers.
  """
  if picture.is_bytes and choice not in ('', 'bytes'):
    raise ModelFileError(
      f'A file of {picture.type.lower()} without a scale reads pixels from 0 to 255. Received: --pixels={choice} for {name}. Leave it out.'
    )
  if choice:
    found = Pixels(known[choice], f'{_IN_WORDS[choice]}, as --pixels={choice} says')
    return _checked(found, picture, choice, name)
  if picture.is_bytes:
    return Pixels(known['bytes'], f'{_IN_WORDS["bytes"]}, since its input is {picture.type.lower()} without a scale')
  held = _held(picture, known)
  if said is not None:
    normalisation = _of_bytes(*said, name)
    of_metadata = Pixels(normalisation, f'{_described(normalisation, known)}, as its metadata say')
    if picture.held is None or _fits(normalisation, picture.held):
      return of_metadata
    if not held:
      return _checked(of_metadata, picture, 'its metadata', name)
    # Where the two disagree, runtimes hand on bytes and do not look at the metadata.
    return Pixels(known[held], f'{_IN_WORDS[held]}, as its {picture.type.lower()} numbers hold; its metadata say otherwise')
  if held:
    return Pixels(known[held], f'{_IN_WORDS[held]}, as its {picture.type.lower()} numbers hold')
  if begins_with_bytes(model):
    return Pixels(known['bytes'], f'{_IN_WORDS["bytes"]}, which its graph begins by bringing to another scale')
  ways = ', '.join(f'{way} ({_IN_WORDS[way]})' for way in known)
  raise ModelFileError(
    f'A file, or --pixels, says which pixels it wants. Received: neither, for {name}: its metadata, its numbers and its first operation'
    f' say nothing. --pixels is one of {ways}.'
  )


def begins_with_bytes(model: Model) -> bool:
  """Whether the first operation on the picture is one that makes sense for pixels from 0 to 255 alone."""
  readers = model.readers(model.inputs[0]) if model.inputs else []
  while len(readers) == 1 and readers[0].kind in ('QUANTIZE', 'DEQUANTIZE', 'CAST', 'RESHAPE') and readers[0].outputs:
    readers = model.readers(readers[0].outputs[0])
  return len(readers) == 1 and _scales_bytes(model, readers[0])


def _scales_bytes(model: Model, operation: Operation) -> bool:
  constants = [model.tensors[index] for index in operation.inputs if model.tensors[index].values is not None]
  if len(constants) != 1 or constants[0].type not in ('FLOAT32', 'FLOAT16') or constants[0].size not in (1, 3):
    return False
  values = np.abs(constants[0].values.astype(np.float64))
  small, large = 0 < values.max() <= _FEW, values.min() >= 2
  return {'MUL': small, 'DIV': values.min() >= 1 / _FEW, 'SUB': large, 'ADD': large}.get(operation.kind, False)


def _of_bytes(mean: Sequence[float], deviation: Sequence[float], name: str) -> Normalisation:
  arrays = [np.asarray(values, np.float64).ravel() for values in (mean, deviation)]
  if any(values.size not in (1, 3) or not np.isfinite(values).all() for values in arrays) or not arrays[1].all():
    raise ModelFileError(
      f'Metadata normalise pixels by a mean and a deviation other than 0, of one number or three. Received: {arrays[0].tolist()} and'
      f' {arrays[1].tolist()} in {name}. Say which pixels it wants by --pixels.'
    )
  return Normalisation(*(tuple((np.broadcast_to(values, 3) / 255).tolist()) for values in arrays))


def _described(normalisation: Normalisation, known: Mapping[str, Normalisation]) -> str:
  for name, other in known.items():
    if np.allclose(_range(normalisation), _range(other), atol=0.02 * np.ptp(_range(other))):
      if np.allclose(normalisation.mean, other.mean, atol=0.01):
        return _IN_WORDS[name]
  mean, deviation = ([round(255 * value, 2) for value in values] for values in (normalisation.mean, normalisation.deviation))
  return f'less {mean}, over {deviation}'


def _range(normalisation: Normalisation) -> tuple[float, float]:
  """(least, most) that pixels become."""
  mean, deviation = np.asarray(normalisation.mean), np.asarray(normalisation.deviation)
  ends = np.concatenate([-mean / deviation, (1 - mean) / deviation])
  return float(ends.min()) + 0.0, float(ends.max())  # No -0.


def _fits(normalisation: Normalisation, held: tuple[float, float]) -> bool:
  wants = _range(normalisation)
  return bool(np.abs(np.subtract(wants, held)).max() <= _CLOSE * (wants[1] - wants[0]))


def _held(picture: Picture, known: Mapping[str, Normalisation]) -> str:
  """The only way whose pixels fill what the file's integers hold; empty where it is none, or where that says nothing."""
  if picture.held is None:
    return ''
  if picture.type == 'INT16' and picture.held[1] < 200:  # Symmetric: from 0 to 1 holds what from -1 to 1 does.
    return ''
  held = (0.0, picture.held[1]) if picture.type == 'INT16' else picture.held
  fitting = [name for name, normalisation in known.items() if _fits(normalisation, held)]
  # Those of ImageNet and of many a task are as wide as each other, and are not the same.
  return fitting[0] if fitting and (fitting[0] in _PLAIN or len(fitting) == 1) else ''


def _checked(pixels: Pixels, picture: Picture, source: str, name: str) -> Pixels:
  """Refuses pixels most of which a file's integers could not say."""
  wants = _range(pixels.normalisation)
  if picture.held and max(picture.held[0] - wants[0], wants[1] - picture.held[1]) > 0.5 * (wants[1] - wants[0]):
    raise ModelFileError(
      f'Pixels are within what the numbers of a file hold, {picture.held[0]:.3g} to {picture.held[1]:.3g} of {name}. Received:'
      f' {wants[0]:.3g} to {wants[1]:.3g}, by {source}. Choose another --pixels.'
    )
  return pixels
