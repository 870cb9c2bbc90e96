"""What the command serves and what it refuses; the page itself is tested in a browser by page_test.py."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from st_tf.errors import UserError
from st_tf.task import TaskError
from tests.tflite.web.shown_test import export
from tflite.runtimes import browser
from tflite.web import __main__ as web
from tflite.web import site

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def packages(monkeypatch, tmp_path):
  """LiteRT.js, as far as the command looks at it."""
  (tmp_path / 'packages' / 'core' / 'dist').mkdir(parents=True)
  (tmp_path / 'packages' / 'core' / 'dist' / 'index.js').write_text('export {};')
  monkeypatch.setenv(browser.PACKAGE_VARIABLE, str(tmp_path / 'packages'))


@pytest.fixture
def loaded(shapes, monkeypatch):
  """The task is drawn once."""
  monkeypatch.setattr('st_tf.task.load', lambda name, config: shapes)


def get(address: str) -> bytes:
  with urllib.request.urlopen(address) as answer:
    return answer.read()


def test_page_runtime_files_and_examples_are_served(speck_folder, loaded):
  with web.serving(web.Options(ticket=str(speck_folder), port=0, examples=2), {}) as address:
    assert address.startswith('http://127.0.0.1:')
    facts = json.loads(get(f'{address}facts.json'))
    for name, file in facts['files'].items():
      assert len(get(address + file['url'])) == file['bytes'], name
    assert [get(address + example['url'])[:4] for example in facts['examples']] == [b'\x89PNG'] * 2
    assert b'<title>' in get(address) and get(f'{address}litert/core/dist/index.js') == b'export {};'


def test_the_file_that_was_exported_is_what_is_served_and_named(speck_folder, tmp_path, capsys):
  folder = tmp_path / 'ticket'
  shutil.copytree(speck_folder, folder)
  export(folder, 'float16', b'TFL3 as it ships')
  with pytest.MonkeyPatch.context() as patch, pytest.raises(UserError, match='as it was exported, 9 bytes'):
    export(folder, 'int8', b'TFL3 else', size=9)
    (folder / 'model_int8.tflite').write_bytes(b'cut')
    patch.setattr(site, 'models', lambda ticket, which: {})
    with web.serving(web.Options(ticket=str(folder), port=0, examples=0), {}):
      pass
  (folder / 'model_int8.tflite').unlink()
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(site, 'encode', lambda *args, **kwargs: b'made for the page')
    patch.setattr(site, 'obstacle', lambda content: '')
    with web.serving(web.Options(ticket=str(folder), port=0, examples=0), {}) as address:
      facts = json.loads(get(f'{address}facts.json'))
      assert get(f'{address}model_float16.tflite') == b'TFL3 as it ships' and get(f'{address}dense.tflite') == b'made for the page'
  assert (facts['format'], facts['shown'], facts['files']['sparse']['url']) == ('float16', 'sparse', 'model_float16.tflite')
  assert {'title': 'File', 'value': 'model_float16.tflite', 'note': '0.0 KB, sparse; it is what answers'} in facts['tiles']
  assert 'The page shows model_float16.tflite, 0.0 KB.' in capsys.readouterr().out


def test_another_computer_reaches_the_page_under_the_address_that_is_named_and_under_no_other(speck_folder):
  with web.serving(web.Options(ticket=str(speck_folder), port=0, examples=0, host='127.0.0.2'), {}) as address:
    assert address.startswith('http://127.0.0.2:') and b'<title>' in get(address)
    with pytest.raises(urllib.error.HTTPError, match='403'):
      get(urllib.request.Request(address, headers={'Host': 'elsewhere.example'}))
    with pytest.raises(urllib.error.URLError):
      get(address.replace('127.0.0.2', '127.0.0.1'))


def test_a_host_that_is_no_address_of_this_computer_is_refused():
  with pytest.raises(UserError, match=r'--host is an address of this computer\. Received: 192\.0\.2\.7\. hostname -I lists them'):
    with web.serving(web.Options(ticket='x', port=0, host='192.0.2.7'), {}):
      pass


def test_without_the_data_the_page_has_no_examples_and_the_terminal_says_so(speck_folder, monkeypatch, capsys):
  def gone(name, config):
    raise TaskError('The data is on the disk or can be downloaded. Received: nothing. Ways out: --data_dir.')

  monkeypatch.setattr('st_tf.task.load', gone)
  with web.serving(web.Options(ticket=str(speck_folder), port=0), {}) as address:
    assert json.loads(get(f'{address}facts.json'))['examples'] == []
  assert capsys.readouterr().err == (
    'note: the page has no example pictures. The data is on the disk or can be downloaded. Received: nothing. Ways out: --data_dir.'
    ' (The task is that of the ticket; --task names the same data in another place.)\n'
  )


def test_with_no_examples_the_data_is_not_looked_for(speck_folder, monkeypatch, capsys):
  monkeypatch.setattr('st_tf.task.load', lambda name, config: pytest.fail('looked for'))
  with web.serving(web.Options(ticket=str(speck_folder), port=0, examples=0), {}) as address:
    assert json.loads(get(f'{address}facts.json'))['examples'] == []
  assert capsys.readouterr().err == ''


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ([], r'--ticket is needed\. Received: none\. Write --ticket=FOLDER'),
    (['--ticket=x', '--port=65536'], r'--port is from 0 to 65535\. Received: 65536\. Leave it out'),
    (['--ticket=x', '--port=-1'], r'--port is from 0 to 65535\. Received: -1'),
    (['--ticket=x', '--port=web'], r'--port is a whole number\. Received: .web'),
    (['--ticket=x', '--host=phone'], r"--host is an IPv4 address of this computer\. Received: 'phone'\. hostname -I lists them"),
    (['--ticket=x', '--host=0.0.0.0'], r"Received: '0\.0\.0\.0'"),
    (['--ticket=x', '--format=int4'], r'--format is one of .*float32, float16, int8\. Received: .int4'),
    (['--ticket=x', '--examples=-1'], r'--examples is not negative\. Received: -1'),
    (['--ticket=gone', '--port=0'], r'A ticket is a folder with ticket\.json\. Received: gone'),
  ],
)
def test_what_cannot_be_shown_is_said(arguments, message, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(UserError, match=message):
    web.main(['web', *arguments])


def test_without_the_runtime_nothing_is_served(speck_folder, monkeypatch, tmp_path):
  monkeypatch.setenv(browser.PACKAGE_VARIABLE, str(tmp_path))
  with pytest.raises(UserError, match=r'LiteRT\.js is needed\. Received: none in .* Run: make web'):
    web.main(['web', f'--ticket={speck_folder}'])


def test_a_port_that_is_taken_is_said_before_the_ticket_is_read(tmp_path):
  (tmp_path / 'damaged').mkdir()
  (tmp_path / 'damaged' / 'ticket.json').touch()
  with socket.create_server(('127.0.0.1', 0)) as taken:
    port = taken.getsockname()[1]
    with pytest.raises(UserError, match=rf'--port is one that is free.* Received: {port} \(Address already in use\)\. Take another'):
      web.main(['web', f'--ticket={tmp_path / "damaged"}', f'--port={port}'])


@pytest.fixture
def interruptible():
  """A shell's background jobs ignore Ctrl-C, and so does what they start."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('interruptible')
@pytest.mark.parametrize('signal_number', [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_the_command_prints_its_address_and_ends_quietly(speck_folder, signal_number):
  command = [sys.executable, '-m', 'tflite.web', f'--ticket={speck_folder}', '--port=0', '--examples=0']
  with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
    try:
      assert 'dense and sparse' in process.stdout.readline()
      assert 'The page shows a float32 file that is made for it' in process.stdout.readline()
      line = process.stdout.readline()
      assert f'shows {speck_folder}' in line
      assert b'What does this network see' in get(line.split()[0])
      process.send_signal(signal_number)
      rest, errors = process.communicate(timeout=200)
    finally:
      process.kill()
  assert (process.returncode, rest, errors) == (0, '', 'Loading TensorFlow.\n')
