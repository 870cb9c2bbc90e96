import json
import shutil

import pytest

from st_tf.api import shipping
from st_tf.errors import UserError
from tflite import export
from tflite.android import __main__ as android
from tflite.runtimes import wasm

APP = '  app         '
BUILT = 'its README.md says how to build it'


@pytest.fixture
def folder(speck_folder, tmp_path, monkeypatch):
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  return shutil.copytree(speck_folder, tmp_path / 'ticket')


@pytest.fixture
def exported(folder, speck_ticket, shapes):
  """Writes the file for phones anew, with other settings where they are given."""

  def write(**settings):
    for name in ('model_float16.tflite', 'model_float16.export.json'):
      (folder / name).unlink(missing_ok=True)
    export.export(speck_ticket, shapes, export.Options(ticket=str(folder), format='float16', **settings))
    return (folder / 'model_float16.tflite').read_bytes()

  return write


def shipped(folder, ticket):
  return list(shipping.ship(folder, ticket))


def held(folder):
  return (folder / 'android/app/src/main/assets/model.tflite').read_bytes()


def test_a_file_is_looked_at_and_an_app_put_beside_it_once(folder, exported, speck_ticket, monkeypatch):
  assert shipped(folder, speck_ticket) == ['  float16     no such file was written, and so no app']
  content = exported()
  lines = shipped(folder, speck_ticket)
  assert lines[0].startswith('  on phones   ') and lines[-1] == f'{APP}{folder / "android"}; {BUILT}'
  assert held(folder) == content
  assert json.loads((folder / 'android' / 'model.export.json').read_text())['ticket'] == speck_ticket.fingerprint
  monkeypatch.chdir(folder.parent)
  assert shipped(folder, speck_ticket)[-1] == f'{APP}ticket/android; {BUILT}'
  monkeypatch.chdir('/')
  monkeypatch.setattr('tflite.android.template.write', None)
  assert shipped(folder, speck_ticket)[:-1] == lines[:-1], 'an app of the same file stays as it is'


def test_an_app_follows_the_file_as_long_as_nobody_has_made_another_of_it(folder, exported, speck_ticket):
  exported()
  shipped(folder, speck_ticket)
  other = exported(sparse='always')
  lines = shipped(folder, speck_ticket)
  assert lines[-1].endswith(f'{BUILT}. It was renewed, with the file and what is known of it') and held(folder) == other
  (folder / 'android' / 'README.md').write_text('mine')
  before = exported()
  said = shipped(folder, speck_ticket)[-1]
  assert said.startswith(f'{APP}not renewed. A project that was changed since it was written is not replaced. Received: ')
  assert 'Make one elsewhere, by python -m tflite.android --ticket=' in said and '--out=FOLDER, or move' in said
  assert held(folder) == other != before


@pytest.mark.parametrize('flags', [['--application_id=com.example.birds'], ['--format=int8']])
def test_an_app_that_was_made_otherwise_stays(folder, exported, speck_ticket, shapes, flags, monkeypatch):
  exported(sparse='always')
  monkeypatch.setattr('st_tf.task.load', lambda name, config: shapes)
  android.main(['', f'--ticket={folder}', f'--out={folder / "android"}', *flags])
  before = {path: path.read_bytes() for path in (folder / 'android').rglob('*') if path.is_file()}
  exported()
  assert 'android stays, which was made otherwise and of another file. One of this file: python -m' in shipped(folder, speck_ticket)[-1]
  assert before == {path: path.read_bytes() for path in (folder / 'android').rglob('*') if path.is_file()}


def test_what_is_no_app_is_named_and_stays(folder, exported, speck_ticket):
  exported()
  (folder / 'android').mkdir()
  said = shipped(folder, speck_ticket)[-1]
  assert (
    said.startswith(f'{APP}not renewed. A project replaces nothing but one that this command wrote. Received: ') and 'Errno' not in said
  )
  (folder / 'android').rmdir()
  (folder / 'android').write_text('mine')
  assert 'A project replaces nothing but one' in shipped(folder, speck_ticket)[-1]
  assert (folder / 'android').read_text() == 'mine'


def test_what_was_not_timed_says_what_is_missing_now_and_how_to_time_it_later(folder, exported, speck_ticket, monkeypatch):
  exported()
  (line,) = [line for line in shipped(folder, speck_ticket) if 'not timed here' in line]
  assert line.endswith('. No browser in this test.')
  monkeypatch.setattr(wasm, 'missing', lambda: '')
  (line,) = [line for line in shipped(folder, speck_ticket) if 'not timed here' in line]
  assert 'To time it, remove ' in line and line.endswith('model_float16.export.json, and give the same command.')


def test_an_app_has_what_is_known_of_its_file_now(folder, exported, speck_ticket):
  exported()
  shipped(folder, speck_ticket)
  facts = folder / 'model_float16.export.json'
  facts.write_text(json.dumps(json.loads(facts.read_text()) | {'wasm_milliseconds': [2.0, 1.0], 'storage': 'sparse: measured'}))
  lines = shipped(folder, speck_ticket)
  assert any(line.strip() == 'sparse: measured' for line in lines) and lines[-1].endswith('with the file and what is known of it')
  assert json.loads((folder / 'android' / 'model.export.json').read_text()) == json.loads(facts.read_text())
  assert shipped(folder, speck_ticket)[-1].endswith(BUILT)


@pytest.mark.parametrize(
  ('choice', 'reason'),
  [('never', 'dense, as --sparse=never asks for'), ('always', 'sparse, as --sparse=always asks for; not seen to run sparsely')],
)
def test_a_file_that_was_asked_for_as_it_is_is_not_to_be_made_again(folder, exported, speck_ticket, choice, reason):
  exported(sparse=choice)
  assert [line.strip() for line in shipped(folder, speck_ticket) if 'asks for' in line] == [reason]


def test_a_file_that_is_dense_with_reason_is_not_advised_to_be_sparse(folder, exported, speck_ticket):
  exported()
  said = '\n'.join(shipped(folder, speck_ticket))
  assert 'dense, since runtimes would not skip its zeros; not timed here' in said and '--sparse=always' not in said


def test_a_damaged_file_ends_no_delivery(folder, exported, speck_ticket, monkeypatch):
  exported()
  (folder / 'model_float16.tflite').write_bytes(b'')
  (line,) = shipped(folder, speck_ticket)
  assert line.startswith('  on phones   not known, and no app is written. ') and 'To write it anew, remove ' in line
  exported()

  def refuse(ticket):
    raise UserError('No such app.')

  monkeypatch.setattr('tflite.android.template.check', refuse)
  assert shipped(folder, speck_ticket)[-1] == f'{APP}none. No such app.'
