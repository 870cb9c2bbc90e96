import json

import pytest

from st_tf.errors import UserError
from st_tf.ticket import Ticket
from tflite import exports
from tflite.web.shown import Shown, choose


def export(folder, number_format, content, sparse=True, size=0, fingerprint=''):
  """Writes what an export leaves beside a ticket, as far as the page looks at it."""
  file = folder / f'model_{number_format}.tflite'
  facts = {
    'ticket': fingerprint or Ticket.load(folder).fingerprint,
    'format': number_format,
    'sparse': sparse,
    'bytes': size or len(content),
    'gzipped': 1,
    'validation': {'top1': 0.5},
    'ticket_validation': {'top1': 0.5},
    'wasm_milliseconds': None,
    'storage': 'as asked for',
  }
  file.write_bytes(content)
  exports.facts_path(file).write_text(json.dumps(facts))


def test_the_smallest_file_of_the_ticket_is_the_one_that_ships(tmp_path):
  assert choose(tmp_path, 'abc') == Shown('float32') and choose(tmp_path, 'abc', 'float16') == Shown('float16')
  export(tmp_path, 'float32', b'x' * 40, fingerprint='abc')
  export(tmp_path, 'float16', b'x' * 20, fingerprint='abc')
  export(tmp_path, 'int8', b'x' * 10, sparse=False, fingerprint='other')
  assert choose(tmp_path, 'abc') == Shown('float16', 'model_float16.tflite', True, b'x' * 20)
  assert choose(tmp_path, 'abc', 'float32').name == 'model_float32.tflite'
  export(tmp_path, 'int8', b'x' * 10, sparse=False, fingerprint='abc')
  found = choose(tmp_path, 'abc')
  assert (found.name, found.form) == ('model_int8.tflite', 'dense')


def test_a_form_that_only_an_export_has_is_refused_without_one(tmp_path):
  with pytest.raises(
    UserError, match=rf'Received: none in {tmp_path}\. Make it: python -m tflite\.export --ticket={tmp_path} --format=int8'
  ):
    choose(tmp_path, 'abc', 'int8')


def test_a_file_that_was_changed_since_is_refused(tmp_path):
  export(tmp_path, 'float16', b'x' * 20, size=21, fingerprint='abc')
  with pytest.raises(UserError, match=r'as it was exported, 21 bytes\. Received: .*model_float16\.tflite of 20\. Remove it'):
    choose(tmp_path, 'abc')
