"""A file as plain data."""

import numpy as np
import pytest

from tests import damage
from tests.graphs import conv, graph, image
from tflite.deploy.emit import emit
from tflite.file import flat, sparse_rules
from tflite.file.encode import encode
from tflite.file.model_file import ModelFileError

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(3, 64)) * (RNG.random((3, 64)) > 0.9)


@pytest.fixture(scope='module')
def files():
  function = emit(graph(image(), conv('a', 'image', RNG.normal(size=(3, 3, 3, 3)), stride=2), conv('b', 'a', KERNEL)))
  return {sparse: encode(function, (6, 6, 3), sparse=sparse) for sparse in (False, True)}


def test_operations_come_in_their_order_with_what_they_read(files):
  model = flat.read(files[False], 'x')
  assert [operation.kind for operation in model.operations] == ['PAD', 'CONV_2D', 'CONV_2D']
  assert [model.tensors[index].shape for index in (*model.inputs, *model.outputs)] == [(1, 6, 6, 3), (1, 3, 3, 64)]
  pad, first, second = model.operations
  assert model.makers[first.inputs[0]] is pad and model.readers(first.outputs[0]) == [second]
  assert model.tensors[pad.inputs[1]].values.tolist() == [[0, 0], [1, 1], [1, 1], [0, 0]]
  assert (first.options.strideH, first.options.strideW) == (2, 2)


@pytest.mark.parametrize('sparse', [False, True])
def test_zeros_are_counted_however_they_are_stored(files, sparse):
  model = flat.read(files[sparse], 'x')
  (kernel,) = [tensor for tensor in model.tensors if tensor.shape == (64, 1, 1, 3) and tensor.nonzeros is not None]
  assert kernel.nonzeros == np.count_nonzero(KERNEL) and kernel.stored_sparsely == sparse and kernel.size == KERNEL.size


@pytest.mark.parametrize(
  ('content', 'message'),
  [(b'', 'identifier TFL3'), (b'\x00' * 40, 'identifier TFL3'), (b'\x1c\x00\x00\x00TFL3' + b'\xff' * 40, 'which is damaged')],
)
def test_what_is_no_model_is_refused(content, message):
  with pytest.raises(ModelFileError, match=message) as found:
    flat.read(content, 'the file')
  assert 'Received: the file' in str(found.value)


def test_a_cut_file_is_refused(files):
  with pytest.raises(ModelFileError, match='A .tflite file can be read. Received: it, which is damaged'):
    flat.read(files[False][:600], 'it')


def test_a_damaged_file_is_refused_or_can_be_examined(files):
  refused = 0
  for content in files.values():
    for changed in damage.flipped(content, 150):
      try:
        sparse_rules.diagnose(flat.read(changed, 'x'))
      except ModelFileError:
        refused += 1
  assert refused > 5
