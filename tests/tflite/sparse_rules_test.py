"""Twenty networks that were measured: the diagnosis is right for all, and names what prevents it."""

import re

import numpy as np
import pytest

from st_tf.presets import PRESETS
from st_tf.specs import HeadSpec
from tests.graphs import random_network
from tests.sparse_graphs import CASES, Case, files
from tflite import flat
from tflite.deploy import deployed
from tflite.deploy.emit import emit
from tflite.encode import encode
from tflite.runtimes import wasm
from tflite.runtimes.measured import speedup
from tflite.sparse_rules import diagnose

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
@pytest.mark.skipif(bool(wasm.missing()), reason=wasm.missing() or 'all there')
@pytest.mark.parametrize('case', CASES, ids=lambda case: case.name)
def test_wasm_behaves_as_the_diagnosis_says(case: Case):
  own, other = files(case)
  shape = flat.read(own, case.name).tensors[0].shape
  faster = speedup(*reversed(wasm.measure([own, other], np.zeros(shape, np.float32), rounds=9)))
  # The file stored the other way is the dense one, save where the case itself is stored dense.
  assert (faster > 1.2) == case.sparse, faster


def test_an_exported_mobile_network_runs_sparsely_and_the_network_as_trained_does_not():
  model = random_network(PRESETS['mobile'], HeadSpec('classification', 10), 64, 0.9)
  found = diagnose(flat.read(encode(emit(deployed(model)), (64, 64, 3), sparse=True), 'x'))
  assert found.sparse and not found.findings and found.operations[0] == found.operations[1] > 100
  as_trained = encode(lambda image: model(image, training=False), (64, 64, 3), sparse=True, variables=model.variables)
  assert not diagnose(flat.read(as_trained, 'x')).sparse


def test_eight_bit_numbers_and_larger_batches_are_named():
  model = CASES[0].build()
  images = np.zeros((2, *model.input_shape[1:]), np.float32)
  eight = encode(lambda image: model(image, training=False), images.shape[1:], 'int8', calibration=images, variables=model.variables)
  assert '8-bit integers' in diagnose(flat.read(eight, 'x')).findings[0].what
