import json
import shutil

import pytest

from st_tf.api import shipping
from st_tf.errors import UserError
from tflite import export
from tflite.runtimes import wasm


@pytest.fixture
def folder(speck_folder, tmp_path):
  return shutil.copytree(speck_folder, tmp_path / 'ticket')


def test_a_file_is_looked_at_and_an_app_put_beside_it_once(folder, speck_ticket, shapes, monkeypatch):
  assert list(shipping.ship(folder, speck_ticket)) == ['  float16     no such file was written, and so no app']
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  export.export(speck_ticket, shapes, export.Options(ticket=str(folder), format='float16'))
  lines = list(shipping.ship(folder, speck_ticket))
  assert lines[0].startswith('  on phones   ') and lines[-1] == f'  app         {folder / "android"}; its README.md says how to build it'
  app = folder / 'android'
  assert (app / 'app/src/main/assets/model.tflite').read_bytes() == (folder / 'model_float16.tflite').read_bytes()
  assert json.loads((app / 'model.export.json').read_text())['ticket'] == speck_ticket.fingerprint
  monkeypatch.chdir(folder.parent)
  assert list(shipping.ship(folder, speck_ticket))[-1] == '  app         ticket/android; its README.md says how to build it'
  monkeypatch.chdir('/')
  monkeypatch.setattr('tflite.android.template.write', None)
  assert list(shipping.ship(folder, speck_ticket))[:-1] == lines[:-1], 'an app that is there stays'
  monkeypatch.undo()
  (app / 'app/src/main/assets/model.tflite').write_bytes(b'of another file')
  assert list(shipping.ship(folder, speck_ticket))[-1].startswith('  app         that of another file. A project that was changed since')
  shutil.rmtree(app)
  shipping_of_before = export.Options(ticket=str(folder), format='float16', sparse='always')
  list(shipping.ship(folder, speck_ticket))
  for name in ('model_float16.tflite', 'model_float16.export.json'):
    (folder / name).unlink()
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  export.export(speck_ticket, shapes, shipping_of_before)
  renewed = list(shipping.ship(folder, speck_ticket))
  assert renewed[-1].endswith('its README.md says how to build it') and any('not seen to run sparsely' in line for line in renewed)
  assert (app / 'app/src/main/assets/model.tflite').read_bytes() == (folder / 'model_float16.tflite').read_bytes()
  shutil.rmtree(app)

  def refuse(ticket):
    raise UserError('No such app.')

  monkeypatch.setattr('tflite.android.template.check', refuse)
  assert list(shipping.ship(folder, speck_ticket))[-1] == '  app         none. No such app.'
