"""Twenty networks that were measured (docs/doctor.md): the diagnosis is right for all, and names what prevents it."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from tests.sparse_graphs import CASES, Case, files
from tflite.deploy import deployed
from tflite.deploy.emit import emit
from tflite.file import flat
from tflite.file.encode import encode
from tflite.file.sparse_rules import diagnose

# What the first finding says.
REASONS = {
  'stored dense': 'its kernels are stored with their zeros',
  'half of the weights': r'only 5\d% of the weights',
  'first convolution padded as SAME': 'a first convolution whose padding is not 1 on each side',
  '7x7 depthwise': 'a 7x7 depthwise convolution',
  'stride 2, padded as SAME': 'a depthwise convolution whose padding is not symmetric',
  'nearest resize': 'RESIZE_NEAREST_NEIGHBOR is not among',
  'split': 'STRIDED_SLICE is not among',
  'concatenation': 'CONCATENATION is not among',
  'no mean at the end': 'its result leaves the graph',
  'no first convolution': 'it reads the image itself',
}


def test_half_of_the_cases_run_sparsely():
  assert len(CASES) == 20 and sum(case.sparse for case in CASES) == 10
  assert {case.name for case in CASES if not case.sparse} == set(REASONS)


@pytest.mark.parametrize('case', CASES, ids=lambda case: case.name)
def test_the_diagnosis_is_what_was_measured(case: Case):
  found = diagnose(flat.read(next(files(case)), case.name))
  assert found.sparse == case.sparse
  assert bool(found.findings) != case.sparse
  if case.sparse:
    assert found.operations[0] == found.operations[1] > 0 and found.zeros == pytest.approx(1 - case.kept, abs=0.02)
  else:
    assert found.operations[0] == 0
    assert any(re.search(REASONS[case.name], finding.what) for finding in found.findings), found.findings


@pytest.mark.slow
def test_an_exported_mobile_network_runs_sparsely_and_the_network_as_trained_does_not(mobile_network):
  model = mobile_network
  found = diagnose(flat.read(encode(emit(deployed(model)), (64, 64, 3), sparse=True), 'x'))
  assert found.sparse and not found.findings and found.operations[0] == found.operations[1] > 100
  as_trained = encode(lambda image: model(image, training=False), (64, 64, 3), sparse=True, variables=model.variables)
  assert not diagnose(flat.read(as_trained, 'x')).sparse


def file_of(function, side=96, **settings) -> flat.Model:
  """The file of a function of one image."""
  return flat.read(encode(function, (side, side, 3), **settings), 'x')


def first(x):
  return tf.nn.relu(tf.nn.conv2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), FIRST, 2, 'VALID'))


def pointwise(x):
  return tf.nn.relu(tf.nn.conv2d(x, POINTWISE, 1, 'SAME'))


def every_second(x, padding='VALID'):
  return tf.nn.depthwise_conv2d(x, DEPTHWISE, (1, 2, 2, 1), padding)


RNG = np.random.default_rng(0)
FIRST = tf.constant(RNG.normal(size=(3, 3, 3, 64)), tf.float32)
POINTWISE = tf.constant(RNG.normal(size=(1, 1, 64, 64)) * (RNG.random((1, 1, 64, 64)) > 0.9), tf.float32)
DEPTHWISE = tf.constant(RNG.normal(size=(3, 3, 64, 1)), tf.float32)
PAD = [[0, 0], [1, 1], [1, 1], [0, 0]]


def mean(x):
  return tf.reduce_mean(x, (1, 2))


def shared_pad(x):
  padded = tf.pad(pointwise(first(x)), PAD)
  other = tf.nn.depthwise_conv2d(padded, 2 * DEPTHWISE[:, ::-1], (1, 2, 2, 1), 'VALID')
  return mean(pointwise(every_second(padded) + other))


@pytest.mark.parametrize(
  ('function', 'reason'),
  [
    (lambda x: mean(pointwise(every_second(pointwise(first(x)), 'SAME'))), 'padding is not symmetric'),
    (lambda x: mean(pointwise(pointwise(tf.nn.relu(tf.nn.conv2d(x, FIRST, 2, 'SAME'))))), 'padding is not 1 on each side'),
    (shared_pad, 'PAD is not among'),
    (lambda x: tf.pad(pointwise(first(x)), PAD), 'PAD is not among'),
    (
      lambda x: tf.reshape(tf.nn.conv2d(tf.reduce_mean(pointwise(first(x)), (1, 2), keepdims=True), POINTWISE, 1, 'SAME'), (1, 64)),
      'a mean that a',
    ),
  ],
)
def test_what_looks_sparse_and_is_not(function, reason):
  found = diagnose(file_of(function, sparse=True))
  assert not found.sparse and any(reason in finding.what for finding in found.findings), found


def test_explicit_padding_is_sparse_where_sizes_halve_evenly():
  # At odd sizes it is the same as SAME, into which the converter turns it; that was measured to run dense.
  for side, sparse in ((96, True), (97, False), (98, False)):
    found = diagnose(file_of(lambda x: mean(pointwise(every_second(tf.pad(pointwise(first(x)), PAD)))), side, sparse=True))
    assert found.sparse == sparse, (side, found.findings)


def test_a_damaged_file_whose_padding_reads_no_maps_is_told_of_all_the_same():
  model = file_of(lambda x: mean(pointwise(every_second(tf.pad(pointwise(first(x)), PAD)))), sparse=True)
  *_, padding = [operation for operation in model.operations if operation.kind == 'PAD']
  flattened = dataclasses.replace(model.tensors[padding.inputs[0]], shape=(1,))
  tensors = tuple(flattened if index == padding.inputs[0] else tensor for index, tensor in enumerate(model.tensors))
  assert not diagnose(dataclasses.replace(model, tensors=tensors)).sparse


def test_weights_that_are_no_constants_are_named_and_their_zeros_not_counted():
  def made(x):
    return mean(tf.nn.conv2d(first(x), tf.reshape(tf.reduce_mean(x) * POINTWISE, (1, 1, 64, 64)), 1, 'SAME'))

  found = diagnose(file_of(made))
  assert not found.sparse and found.zeros is None and found.operations == (0, 1)
  assert any('its weights are no constants of the file, but made by' in finding.what for finding in found.findings), found


def test_numbers_of_another_kind_are_not_taken_for_zeros():
  model = file_of(lambda x: mean(pointwise(first(x))))
  unknown = [dataclasses.replace(tensor, type='INT4', nonzeros=None) if tensor.size == 64 * 64 else tensor for tensor in model.tensors]
  found = diagnose(dataclasses.replace(model, tensors=tuple(unknown)))
  assert found.zeros is None and 'its numbers are of type INT4' in found.findings[0].what


def test_eight_bit_numbers_are_named():
  images = np.zeros((2, 96, 96, 3), np.float32)
  model = file_of(lambda x: mean(pointwise(first(x))), number_format='int8', calibration=images)
  assert '8-bit integers' in diagnose(model).findings[0].what


@pytest.mark.parametrize(('shape', 'reason'), [((2, 97, 97, 3), 'its batch is 2'), ((1, -1, 97, 3), 'has no fixed size')])
def test_batches_and_open_sizes_are_named(shape, reason):
  model = file_of(lambda x: mean(pointwise(first(x))), sparse=True)
  tensors = tuple(
    dataclasses.replace(tensor, shape=shape) if index in model.inputs else tensor for index, tensor in enumerate(model.tensors)
  )
  found = diagnose(dataclasses.replace(model, tensors=tensors))
  assert not found.sparse and reason in found.findings[0].what
