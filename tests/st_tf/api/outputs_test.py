"""Outputs of files as log-probabilities."""

import numpy as np
import pytest

from st_tf.api.outputs import Outputs, OutputsError
from tflite.file.flat import Model, Operation, Tensor

LOGITS = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
PROBABILITIES = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)


def model(*kinds, number='FLOAT32'):
  """A chain of operations."""
  tensors = tuple(Tensor(str(index), (1, 3), number, False, None, None) for index in range(len(kinds) + 1))
  operations = tuple(Operation(index, kind, (index,), (index + 1,), None) for index, kind in enumerate(kinds))
  return Model(tensors, operations, (0,), (len(kinds),))


@pytest.mark.parametrize('kinds', [('SOFTMAX',), ('SOFTMAX', 'RESHAPE', 'CAST'), ('DIV',)])
def test_probabilities_become_logarithms(kinds):
  outputs = Outputs.of(model(*kinds), 0, 3)
  found = outputs(PROBABILITIES[:, None, None])
  np.testing.assert_allclose(found - found[:, :1], LOGITS - LOGITS[:, :1], atol=1e-12)
  assert outputs.has_loss and outputs.note.startswith('probabilities')


def test_logits_stay():
  outputs = Outputs.of(model('FULLY_CONNECTED'), 0, 3)
  np.testing.assert_array_equal(outputs(LOGITS), LOGITS)
  assert outputs.has_loss and outputs.note == 'logits, as it ends in FULLY_CONNECTED'


@pytest.mark.parametrize(
  ('given', 'values', 'note'),
  [
    (model('SOFTMAX', number='UINT8'), PROBABILITIES, 'rounds to whole steps'),
    (model('SOFTMAX', 'DEQUANTIZE'), PROBABILITIES, 'rounds to whole steps'),
    (model('LOGISTIC'), PROBABILITIES, 'scores of each label by itself'),
    (model('TANH'), LOGITS, 'nothing is known, as it ends in TANH'),
    (model('CUSTOM theirs'), LOGITS, 'nothing is known'),
    (model('SOFTMAX', 'MUL'), 100 * PROBABILITIES, 'nothing is known, as it ends in MUL of SOFTMAX'),
    (model('LOGISTIC', 'MEAN', 'RESHAPE', 'ADD'), PROBABILITIES * 0.9, 'ends in ADD of LOGISTIC'),
    (model('SOFTMAX'), PROBABILITIES * 0.5, 'ends in SOFTMAX, and they do not add up to 1'),
    (model('ONE_HOT'), np.eye(3)[:2], 'rounds to whole steps'),
    (model('SOFTMAX'), np.eye(3)[:2], 'rounds to whole steps'),
    (model('FULLY_CONNECTED', 'CAST', number='INT32'), LOGITS * 2, 'ends in FULLY_CONNECTED, cut to INT32'),
  ],
)
def test_what_has_no_loss_has_the_same_order(given, values, note):
  outputs = Outputs.of(given, 0, 3)
  np.testing.assert_array_equal(outputs(values).argmax(-1), values.argmax(-1))
  assert not outputs.has_loss and note in outputs.note and 'no loss is said' in outputs.note


def test_sums_of_layers_are_logits_and_averages_of_probabilities_are_probabilities():
  assert Outputs.of(model('LOGISTIC', 'CONV_2D', 'MEAN', 'MUL'), 0, 3).ending == 'MUL'
  averaged = Outputs.of(model('SOFTMAX', 'ADD', 'MUL'), 0, 3)
  np.testing.assert_allclose(averaged(PROBABILITIES), np.log(PROBABILITIES))
  assert averaged.has_loss and averaged.note.startswith('probabilities, as it ends in MUL of SOFTMAX, and they add up to 1')


@pytest.mark.parametrize(
  'kinds', [('TOPK_V2',), ('SOFTMAX', 'TOPK_V2', 'RESHAPE'), ('ARG_MAX', 'CAST'), ('CUSTOM TFLite_Detection_PostProcess',)]
)
def test_outputs_that_are_no_number_per_class_are_refused(kinds):
  with pytest.raises(
    OutputsError, match=r'a number per class, .* Received: what .*(TOPK|ARG_MAX|Detection).* makes of them\. Choose another'
  ):
    Outputs.of(model(*kinds), 0, 3)
  with pytest.raises(OutputsError, match='Received: what GREATER makes of them'):
    Outputs.of(model('GREATER', number='BOOL'), 0, 3)


def test_one_number_for_two_classes_is_the_second_s():
  outputs = Outputs.of(model('LOGISTIC'), 0, 2)
  np.testing.assert_allclose(np.exp(outputs(np.array([[0.25], [1.0]]))), [[0.75, 0.25], [0, 1]], atol=1e-12)
  assert outputs.has_loss and outputs.note.startswith('scores')
  np.testing.assert_array_equal(Outputs.of(model('FULLY_CONNECTED'), 0, 2)(np.array([[0.5]])), [[0, 0.5]])


def test_one_number_of_a_sum_is_a_logit_where_it_is_no_share():
  sums = Outputs.of(model('FULLY_CONNECTED', 'ADD'), 0, 2)
  np.testing.assert_array_equal(sums(np.array([[3.0], [0.5]])), [[0, 3], [0, 0.5]])
  np.testing.assert_array_equal(sums(np.array([[0.5]])), [[0, 0.5]])
  with pytest.raises(OutputsError, match=r'Received: one that ends in ADD, with numbers from 0 to 1 alone\.'):
    Outputs.of(model('FULLY_CONNECTED', 'ADD'), 0, 2)(np.array([[0.5], [1.0]]))


@pytest.mark.parametrize(
  'kinds', [('LOGISTIC', 'MINIMUM'), ('LOGISTIC', 'STRIDED_SLICE'), ('SOFTMAX',), ('LOG_SOFTMAX',), ('CUSTOM theirs',), ()]
)
@pytest.mark.parametrize('value', [0.5, 3.0])
def test_one_number_of_which_nothing_is_known_is_refused(kinds, value):
  with pytest.raises(
    OutputsError, match=rf'One output for two classes.* ends in {kinds[-1] if kinds else "nothing that is known"}[,.] .*per class'
  ):
    Outputs.of(model(*kinds), 0, 2)(np.array([[value]]))


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_what_is_no_number_is_counted(value):
  with pytest.raises(OutputsError, match='NaN or infinity for 1 of 2 pictures'):
    Outputs.of(model('RELU'), 0, 3)(np.array([[1, 2, 3], [1, value, 3]]))


def test_classes_that_come_alike_are_counted():
  outputs = Outputs.of(model('SOFTMAX', number='UINT8'), 0, 7)
  outputs.compare(np.array([[0, 3, 3, 0, 0, 0, 0], [7, 6, 5, 4, 3, 2, 1]]))
  assert outputs.ties == (1, 1, 2)
  outputs.compare(np.array([[7, 6, 5, 4, 3, 3, 1]]))
  assert not outputs.has_top5 and outputs.of_ties == (
    'two classes come first alike in 1 of 3 pictures, and the earlier one is taken; the fifth and the sixth are alike in 2 of 3, so that no'
    ' top-5 is said'
  )
  outputs.compare(np.tile(np.arange(7), (300, 1)))
  assert outputs.has_top5 and outputs.of_ties.endswith('are alike in 2 of 303')
  few = Outputs.of(model('SOFTMAX'), 0, 3)
  few.compare(PROBABILITIES)
  assert few.ties == (0, 0, 2) and few.has_top5 and not few.of_ties
