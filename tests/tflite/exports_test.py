"""The files of a ticket beside each other."""

import json

import pytest

from tflite import exports

FACTS = {'ticket': 'abc', 'validation': {'top1': 0.812}, 'ticket_validation': {'top1': 0.82}, 'storage': 'as measured'}


@pytest.fixture
def folder(tmp_path):
  """Two files of a ticket, one of another, facts without a file, and facts that are none."""
  for name, facts in {
    'model_int8': {'format': 'int8', 'sparse': False, 'bytes': 1_200_000, 'gzipped': 900, 'wasm_milliseconds': [2.345, None]},
    'small': {'format': 'float16', 'sparse': True, 'bytes': 2_000_000, 'gzipped': 5_500, 'wasm_milliseconds': [4.0, 1.5]},
    'plain': {'format': 'float32', 'sparse': False, 'bytes': 3_000_000, 'gzipped': 5_500, 'wasm_milliseconds': None},
    'other': {'ticket': 'def', 'format': 'int8'},
    'short': {'format': 'int8', 'sparse': True, 'bytes': 12, 'gzipped': 9, 'wasm_milliseconds': [None]},
    'gone': {'format': 'int8', 'bytes': 1},
  }.items():
    (tmp_path / f'{name}.export.json').write_text(json.dumps(FACTS | facts))
    if name != 'gone':
      (tmp_path / f'{name}.tflite').write_bytes(b'')
  (tmp_path / 'broken.export.json').write_text('{')
  (tmp_path / 'list.export.json').write_text('[]')
  return tmp_path


def test_the_files_of_the_ticket_are_found_the_largest_first(folder):
  assert [facts['file'] for facts in exports.beside(folder, 'abc')] == ['plain.tflite', 'small.tflite', 'model_int8.tflite']
  assert exports.beside(folder, 'xyz') == []


def test_each_has_a_row_with_scores_sizes_and_the_time_of_the_form_it_is_in(folder):
  head, *rows = exports.rows(exports.beside(folder, 'abc'))
  assert head == ('format', 'kernels', 'validation', 'ticket', 'size', 'gzipped', 'in wasm', 'file')
  assert rows == [
    ('float32', 'dense', '81.2%', '82.0%', '3.00 MB', '5.5 KB', '-', 'plain.tflite'),
    ('float16', 'sparse', '81.2%', '82.0%', '2.00 MB', '5.5 KB', '1.5 ms', 'small.tflite'),
    ('int8', 'dense', '81.2%', '82.0%', '1.20 MB', '0.9 KB', '2.35 ms', 'model_int8.tflite'),
  ]
  shown = list(exports.lines(exports.beside(folder, 'abc')))
  assert len({line.index('MB') for line in shown[1:]}) == 1 and shown[0].startswith('format   kernels  validation')


def test_the_facts_of_a_file_lie_beside_it(tmp_path):
  assert exports.facts_path(tmp_path / 'a.b.tflite') == tmp_path / 'a.b.export.json'
