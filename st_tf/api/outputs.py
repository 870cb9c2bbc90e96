"""What a file of others says of pictures, as the numbers that a task of classification scores: log-probabilities up to a constant."""

import dataclasses

import numpy as np

from st_tf.errors import UserError
from tflite.file.flat import Model, Operation

_PASSING = ('DEQUANTIZE', 'QUANTIZE', 'RESHAPE', 'SQUEEZE', 'CAST', 'EXPAND_DIMS')
# A last operation after which numbers are logits, unless they are seen to be probabilities.
_LAYERS, _SUMS = ('FULLY_CONNECTED', 'CONV_2D', 'BATCH_MATMUL'), ('MEAN', 'AVERAGE_POOL_2D', 'ADD', 'MUL', 'SUB')
_LOGITS = (*_LAYERS, *_SUMS, 'LOG_SOFTMAX')
# Sums of what these give are neither logits nor, unless they add up to 1, probabilities.
_SHARES = ('SOFTMAX', 'LOGISTIC', 'LOG_SOFTMAX', 'TANH', 'L2_NORMALIZATION', 'EXP', 'ONE_HOT')
# After these there is no number per class, or not in the order of the classes.
_DECIDED = ('TOPK_V2', 'ARG_MAX', 'ARG_MIN', 'NON_MAX_SUPPRESSION_V4', 'NON_MAX_SUPPRESSION_V5')
_DETECTIONS = 'CUSTOM TFLite_Detection_PostProcess'
_LEAST = 1e-30
_TOP = 5
_FEW = 0.01  # Share of pictures whose ties hardly move a score.
_SUM = 1e-2  # How far probabilities that were rounded may be from 1 together.


class OutputsError(UserError):
  """Outputs that cannot be scored."""


@dataclasses.dataclass
class Outputs:
  """How the outputs of a file are read; learns from the first pictures what the file does not say.

  Attributes:
    kind: 'probabilities', 'scores', 'logits', or '' while it is not known.
    rounded: whether they are whole numbers in the file, so that small probabilities are 0.
    classes: of the task.
    has_loss: whether what was seen so far has a loss.
    logit_seen: whether a single output has been seen to be a logit.
    decided: whether all that was seen so far was 0 or 1, which says a class and not how sure it is.
    ties: of how many pictures the first class is as high as the second, and the fifth as the sixth; and of how many this was looked at.
  """

  kind: str
  rounded: bool
  classes: int
  ending: str = ''
  has_loss: bool = True
  logit_seen: bool = False
  decided: bool = True
  ties: tuple[int, int, int] = (0, 0, 0)

  @classmethod
  def of(cls, model: Model, output: int, classes: int) -> 'Outputs':
    """Those of a graph, for a task of so many classes.

    Raises:
      OutputsError: they have no number per class.
    """
    ending, tensor = ended(model, output), model.tensors[model.outputs[output]]
    if ending in (*_DECIDED, _DETECTIONS) or tensor.type == 'BOOL':
      raise OutputsError(
        f'Outputs have a number per class, in the order of the classes. Received: what {ending or "an operation"} makes of them.'
        ' Choose another by --output, or convert the network without that operation.'
      )
    kind = {'SOFTMAX': 'probabilities', 'LOGISTIC': 'scores', 'LOG_SOFTMAX': 'logits'}.get(ending, '')
    rounded = not tensor.type.startswith('FLOAT') or _is_rounded(model, output)
    if not tensor.type.startswith('FLOAT') and not tensor.scale:
      ending = f'{ending or "nothing that is known"}, cut to {tensor.type}'
    return cls(kind, rounded, classes, ending)

  @property
  def note(self) -> str:
    """What the outputs are taken for, in words."""
    if self.has_loss:
      return f'{self.kind or "logits"}, as it ends in {self.ending or "nothing that is known"}'
    why = {'probabilities': 'probabilities that the file rounds to whole steps', 'scores': 'scores of each label by itself'}
    return f'{why.get(self.kind, f"numbers of which nothing is known, as it ends in {self.ending}")}: no loss is said'

  @property
  def has_top5(self) -> bool:
    """Whether the five first classes are told apart from the others."""
    return self.ties[1] <= _FEW * self.ties[2]

  @property
  def of_ties(self) -> str:
    """What is not known since numbers are alike, in words; empty where all are told apart."""
    first, fifth, seen = self.ties
    told = [f'two classes come first alike in {first:,} of {seen:,} pictures, and the earlier one is taken'] if first else []
    if fifth:
      told.append(f'the fifth and the sixth are alike in {fifth:,} of {seen:,}{"" if self.has_top5 else ", so that no top-5 is said"}')
    return '; '.join(told)

  def compare(self, values: np.ndarray) -> None:
    """Counts ties among the numbers [n, classes] of the task."""
    ranked = -np.sort(-values, -1)
    found = [int((ranked[:, place - 1] == ranked[:, place]).sum()) if place < ranked.shape[1] else 0 for place in (1, _TOP)]
    self.ties = tuple(map(sum, zip(self.ties, (*found, len(values)))))

  def __call__(self, outputs: np.ndarray) -> np.ndarray:
    """Log-probabilities up to a constant [n, classes], from outputs [n, ...].

    Raises:
      OutputsError: some are no numbers, or a single one may be a logit or a probability.
    """
    values = outputs.reshape(len(outputs), -1).astype(np.float64)
    broken = int((~np.isfinite(values)).any(-1).sum())
    if broken:
      raise OutputsError(
        f'A network answers in numbers. Received: NaN or infinity for {broken} of {len(values)} pictures. Convert it again.'
      )
    if values.shape[1] == 1 and self.classes == 2:
      return self._of_one(values)
    if not self.kind and len(values):
      self.kind = 'probabilities' if self._sums_to_one(values) else 'logits'
      self.ending = self.ending if self.kind == 'logits' else f'{self.ending}, and they add up to 1'
      self.has_loss = self.kind == 'probabilities' or self.ending in _LOGITS
    elif self.kind == 'probabilities' and not self.rounded and len(values) and not self._sums_to_one(values):
      self.kind, self.ending, self.has_loss = 'logits', f'{self.ending}, and they do not add up to 1', False
    if self.kind == 'probabilities':
      self.decided = self.decided and bool(np.isin(values, (0, 1)).all())
      self.has_loss = not self.rounded and not self.decided
      return np.log(np.maximum(values, _LEAST))
    self.has_loss = self.has_loss and self.kind != 'scores'
    return values

  def _sums_to_one(self, values: np.ndarray) -> bool:
    return values.shape[1] > 1 and values.min() >= 0 and np.abs(values.sum(-1) - 1).max() <= _SUM

  def _of_one(self, values: np.ndarray) -> np.ndarray:
    """Of a single number for two classes, which speaks for the second.

    Raises:
      OutputsError: it may be a logit or a probability.
    """
    if self.kind == 'scores':
      self.has_loss = not self.rounded
      return np.log(np.maximum(np.concatenate([1 - values, values], -1), _LEAST))
    if not self.logit_seen:
      self._check_logit(values)
      self.kind, self.logit_seen = 'logits', True
    return np.concatenate([np.zeros_like(values), values], -1)

  def _check_logit(self, values: np.ndarray) -> None:
    bounded = values.min() >= 0 and values.max() <= 1
    if self.ending in _LAYERS or (self.ending in _SUMS and not bounded):
      return
    raise OutputsError(
      'One output for two classes ends in its sigmoid (LOGISTIC), or is a logit as a layer gives it. Received: one that ends in'
      f' {self.ending or "nothing that is known"}{", with numbers from 0 to 1 alone" if bounded else ""}. Convert the network so that its'
      ' sigmoid comes last, or with an output per class.'
    )


def ended(model: Model, output: int) -> str:
  """The last operation before an output that does more than pass on, with what it sums where that is shares; empty where there is none."""
  last = _maker(model, model.outputs[output])
  if last is None:
    return ''
  seen, ahead = set(), [last]
  while ahead:
    operation = ahead.pop()
    if operation.index in seen or operation.kind not in _SUMS:
      continue
    seen.add(operation.index)
    before = [maker for index in operation.inputs if (maker := _maker(model, index))]
    shares = next((maker.kind for maker in before if maker.kind in _SHARES), '')
    if shares:
      return f'{last.kind} of {shares}'
    ahead += before
  return last.kind


def _maker(model: Model, tensor: int) -> Operation | None:
  """The operation that makes a tensor, past those that only pass it on."""
  maker = model.makers.get(tensor)
  while maker and maker.kind in _PASSING and maker.inputs:
    maker = model.makers.get(maker.inputs[0])
  return maker


def _is_rounded(model: Model, output: int) -> bool:
  maker = model.makers.get(model.outputs[output])
  while maker and maker.kind in _PASSING and maker.inputs:
    if maker.kind == 'DEQUANTIZE':
      return True
    maker = model.makers.get(maker.inputs[0])
  return False
