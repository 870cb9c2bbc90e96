"""Who says which pixels a file wants, in which order they are believed."""

import dataclasses

import numpy as np
import pytest

from st_tf.task import Normalisation
from tflite.file.flat import Model, Operation, Tensor
from tflite.file.model_file import ModelFileError
from tflite.file.picture import Picture
from tflite.file.pixels import begins_with_bytes, wanted

KNOWN = {
  'bytes': Normalisation((0.0,) * 3, (1 / 255,) * 3),
  'units': Normalisation((0.0,) * 3, (1.0,) * 3),
  'signed': Normalisation((0.5,) * 3, (0.5,) * 3),
  'imagenet': Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
  'task': Normalisation((0.4, 0.4, 0.4), (0.2, 0.2, 0.2)),
}


def graph(kind='RELU', values=None):
  constant = None if values is None else np.float32(values)
  tensors = (Tensor('image', (1, 4, 4, 3), 'FLOAT32', False, None, None), Tensor('c', np.shape(values), 'FLOAT32', False, 1, constant))
  outside = Tensor('out', (1, 4, 4, 3), 'FLOAT32', False, None, None)
  return Model((*tensors, outside), (Operation(0, kind, (0, 1), (2,), None),), (0,), (2,))


def found(held=None, kind='FLOAT32', said=None, choice='', model=None):
  picture = Picture((4, 4), 3, kind, held)
  pixels = wanted(model or graph(), picture, said, choice, KNOWN, 'x')
  mean, deviation = pixels.normalisation.mean, pixels.normalisation.deviation
  same = [name for name, way in KNOWN.items() if np.allclose([way.mean, way.deviation], [mean, deviation])]
  return (same or [''])[0], pixels.note


@pytest.mark.parametrize(
  ('arguments', 'name', 'note'),
  [
    ({'choice': 'imagenet'}, 'imagenet', 'as --pixels=imagenet says'),
    ({'choice': 'signed', 'said': ([0], [255])}, 'signed', 'as --pixels=signed says'),
    ({'said': ([127.5], [127.5])}, 'signed', 'from -1 to 1, as its metadata say'),
    ({'said': ([0], [255])}, 'units', 'from 0 to 1, as its metadata say'),
    ({'said': ([0], [1])}, 'bytes', 'from 0 to 255, as its metadata say'),
    ({'said': ([100, 110, 120], [50, 50, 50])}, '', 'less [100.0, 110.0, 120.0], over [50.0, 50.0, 50.0], as its metadata say'),
    ({'held': (0.0, 0.99), 'kind': 'UINT8'}, 'units', 'as its uint8 numbers hold'),
    ({'held': (-1.0, 0.992), 'kind': 'INT8'}, 'signed', 'as its int8 numbers hold'),
    ({'held': (0.0, 255.0), 'kind': 'UINT8', 'said': ([127.5], [127.5])}, 'bytes', 'its metadata say otherwise'),
    ({'held': (-2.0, 3.15), 'kind': 'INT8'}, 'task', 'as its int8 numbers hold'),
    ({'held': (-1.0, 1.0), 'kind': 'INT16', 'said': ([0], [255])}, 'units', 'from 0 to 1, as its metadata say'),
    ({'held': (-256.0, 256.0), 'kind': 'INT16'}, 'bytes', 'as its int16 numbers hold'),
    ({'kind': 'UINT8'}, 'bytes', 'since its input is uint8 without a scale'),
    ({'model': graph('MUL', [1 / 255])}, 'bytes', 'which its graph begins by'),
  ],
)
def test_a_flag_metadata_numbers_and_the_graph_say_it_in_this_order(arguments, name, note):
  assert found(**arguments)[0] == name and note in found(**arguments)[1]


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({}, 'A file, or --pixels, says which pixels it wants. Received: neither, for x'),
    ({'held': (-1.0, 1.0), 'kind': 'INT16'}, 'Received: neither'),
    ({'held': (0.0, 30.0), 'kind': 'UINT8'}, 'Received: neither'),
    ({'held': (-2.05, 2.9), 'kind': 'INT8'}, 'Received: neither'),
    ({'held': (0.0, 1.0), 'kind': 'UINT8', 'choice': 'bytes'}, r'0 to 1 of x\. Received: 0 to 255, by bytes\. Choose another'),
    ({'said': ([0], [0])}, r'a deviation other than 0.* Received: \[0\.0\] and \[0\.0\]'),
    ({'said': ([0, 1], [1])}, 'of one number or three'),
    ({'said': ([float('nan')], [1])}, 'of one number or three'),
    ({'kind': 'UINT8', 'choice': 'units'}, 'Received: --pixels=units for x'),
  ],
)
def test_what_nobody_says_or_cannot_be_is_refused(arguments, message):
  with pytest.raises(ModelFileError, match=message):
    found(**arguments)


@pytest.mark.parametrize(
  ('kind', 'values', 'is_so'),
  [
    ('MUL', [1 / 127.5], True),
    ('DIV', [255], True),
    ('SUB', [123.7, 116.8, 103.9], True),
    ('MUL', [2.0], False),
    ('SUB', [0.5], False),
    ('ADD', np.ones((4, 4)), False),
    ('RELU', None, False),
  ],
)
def test_a_graph_that_begins_with_bytes_is_known_by_its_constants(kind, values, is_so):
  assert begins_with_bytes(graph(kind, values)) == is_so


def test_a_graph_without_an_input_begins_with_nothing():
  assert not begins_with_bytes(dataclasses.replace(graph(), inputs=()))
