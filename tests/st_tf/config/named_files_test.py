import importlib
import json
import pathlib
import subprocess
import sys

import pytest

from st_tf import quiet
from st_tf.config import Config, named_files
from st_tf.errors import UserError


def test_of_a_ticket_its_fingerprint_counts_and_not_its_scores(tmp_path, monkeypatch):
  facts = tmp_path / 'ticket' / 'ticket.json'
  facts.parent.mkdir()

  def digest(**content) -> str:
    facts.write_text(json.dumps(content))
    return named_files.digest('init_from', str(facts.parent))

  first = digest(fingerprint='a' * 64)
  assert digest(fingerprint='a' * 64, metrics={'test': 0.5}) == first != digest(fingerprint='b' * 64)
  damaged = digest(metrics={})
  assert damaged != first and damaged == digest(metrics={}), 'a damaged ticket is refused where it is loaded'
  (tmp_path / 'tiny').mkdir()
  (tmp_path / 'tiny' / 'ticket.json').write_text(json.dumps({'fingerprint': 'a' * 64}))
  monkeypatch.chdir(tmp_path)
  assert named_files.digest('init_from', 'tiny') == first, 'which is called like a supernet'
  facts.parent.rename(tmp_path / 'moved')
  (tmp_path / 'moved' / 'ticket.json').write_text(json.dumps({'fingerprint': 'a' * 64}))
  assert named_files.digest('init_from', str(tmp_path / 'moved')) == first


def test_a_file_that_cannot_be_read_is_named_with_its_setting(tmp_path, monkeypatch):
  file = tmp_path / 'table.json'
  file.write_text('{}')

  def closed(path):
    raise PermissionError(13, 'Permission denied')

  monkeypatch.setattr(pathlib.Path, 'read_bytes', closed)
  with pytest.raises(UserError, match=r'--cost names a file that can be read\. Received: latency:.*table.json .*Permission denied'):
    named_files.digest('cost', f'latency:{file}')
  assert not named_files.digest('supernet', '~nobody_of_this_name/net.json')


def test_what_is_not_the_name_of_a_file_counts_as_it_is_written(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for name in ('macs', 'cat,dog', 'tiny', 'resnet50', 'mobilenet_v2:0.35', 'imagenet'):
    (tmp_path / name).write_text('a file that happens to have this name')
  for setting, text in (
    ('cost', 'macs'),
    ('class_names', 'cat,dog'),
    ('supernet', 'tiny'),
    ('supernet', 'resnet50'),
    ('supernet', 'mobilenet_v2:0.35'),
    ('weights', 'imagenet'),
    ('class_names', 'C#,Java'),
  ):
    assert named_files.digest(setting, text) == ''


@pytest.mark.parametrize(
  ('text', 'portable'),
  [('/a/net.json', 'net.json#0123456789abcdef'), ('latency:/a/table.json', 'latency:table.json#0123456789abcdef')],
)
def test_a_portable_name_says_what_is_in_the_file_and_not_where_it_lies(text, portable):
  digest = '0123456789abcdef'
  assert named_files.portable(text, digest) == portable == named_files.portable(portable, digest)
  assert named_files.digest('supernet', portable) == digest


@pytest.mark.parametrize(
  ('text', 'told'), [('/a/net.json', 'net.json'), ('latency:/a/table.json', 'latency:table.json'), ('tiny', 'tiny'), ('a/b', 'a/b')]
)
def test_of_a_whole_path_the_name_is_told(text, told):
  assert named_files.without_folder(text) == told


@pytest.mark.parametrize(
  ('setting', 'text'),
  [('weights', 'w.npz'), ('init_from', 'runs/a'), ('teacher', 'b.keras'), ('cost', 'latency:t.json'), ('class_names', 'n.txt'),
   ('detections', 'd.json')],
)  # fmt: skip
def test_a_file_that_is_not_there_is_refused_by_its_setting(tmp_path, monkeypatch, setting, text):
  monkeypatch.chdir(tmp_path)
  settings = Config().flat() | {setting: text}
  with pytest.raises(
    UserError, match=rf'--{setting} names a file that is there\. Received: {text}, which is {tmp_path}/.*Correct the path'
  ):
    named_files.check_there(settings)
  file = tmp_path / text.rpartition(':')[2]
  file.parent.mkdir(exist_ok=True)
  file.touch()
  named_files.check_there(settings)


def test_weights_that_are_nearly_those_of_a_family_are_named(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(UserError, match=r'Received: imagnet, which is .*/imagnet\. Did you mean imagenet\?$'):
    named_files.check_there(Config().flat() | {'weights': 'imagnet'})
  with pytest.raises(UserError, match=r'Received: /gone/w\.npz\. Correct the path\.$'):
    named_files.check_there(Config().flat() | {'weights': '/gone/w.npz'})


def test_what_names_no_file_is_not_looked_for():
  named_files.check_there(Config().flat() | {'weights': 'imagenet', 'teacher': 'start', 'cost': 'macs', 'supernet': 'tiny'})


@pytest.mark.parametrize('path', ['gone', '~nobody_of_this_name/gone', 'a\0b', 'x' * 3000, '.'])
def test_a_folder_without_a_ticket_is_refused(path, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(UserError) as found:
    named_files.check_ticket(path)
  missing = '' if path == '.' else ', which does not exist'
  assert str(found.value) == f'A ticket is a folder with ticket.json. Received: {path}{missing}.'


def test_a_ticket_is_found_wherever_it_is(tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path))
  place = tmp_path / 'run' / 'tickets' / 'a'
  place.mkdir(parents=True)
  (place / 'ticket.json').touch()
  named_files.check_ticket('~/run/tickets/a')
  with pytest.raises(UserError, match=rf'Received: ~/run\. Did you mean {place}\?'):
    named_files.check_ticket('~/run')
  place.rename(place.with_name('.a.replaced'))
  named_files.check_ticket(str(place))
  named_files.check_ticket('')
  monkeypatch.chdir(place)
  named_files.check_ticket('.')


@pytest.mark.parametrize(
  ('path', 'reason'),
  [('gone', 'No such file'), ('~nobody_of_this_name/gone', 'No such file'), ('a\0b', 'null byte'), ('x' * 5000, 'too long')],
)
def test_a_file_that_is_not_there_is_refused(path, reason, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  with pytest.raises(UserError, match=rf'A \.tflite file is a file that can be read\. Received: .* \(.*{reason}'):
    named_files.check_file(path)
  monkeypatch.setenv('HOME', str(tmp_path))
  (tmp_path / 'there').touch()
  named_files.check_file('~/there')
  named_files.check_file('')


@pytest.mark.parametrize(
  ('command', 'arguments'),
  [
    ('tflite.doctor', ['--ticket=gone']),
    ('tflite.doctor', ['--model=gone']),
    ('tflite.benchmark', ['--model=there.tflite,gone']),
    ('tflite.export', ['--ticket=gone']),
    ('tflite.android.__main__', ['--ticket=gone', '--out=app']),
    ('tflite.android.__main__', ['--ticket=ticket', '--out=app', '--model=gone']),
    ('tflite.web.__main__', ['--ticket=gone']),
    ('st_tf.evaluate', ['--ticket=gone']),
    ('st_tf.evaluate', ['--model=gone', '--task=shapes']),
  ],
)
def test_what_is_not_there_is_refused_before_tensorflow_is_loaded(command, arguments, tmp_path, monkeypatch):
  def imports():
    raise AssertionError('TensorFlow would be loaded')

  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(quiet, 'imports', imports)
  (tmp_path / 'ticket').mkdir()
  for name in ('there.tflite', 'ticket/ticket.json'):
    (tmp_path / name).touch()
  with pytest.raises(UserError, match=r'Received: gone'):
    importlib.import_module(command).main([command, *arguments])


def test_a_command_says_at_once_what_is_not_there():
  done = subprocess.run(
    [sys.executable, '-m', 'tflite.doctor', '--model=~nobody_of_this_name/x'], capture_output=True, text=True, check=False
  )
  assert done.returncode == 2 and 'Loading TensorFlow.' not in done.stderr
  assert done.stderr.startswith('error: A .tflite file is a file that can be read. Received: ~nobody_of_this_name/x (No such file')


def test_the_ticket_of_a_run_is_named_by_its_sparsity(tmp_path):
  for name in ('a/tickets/sparsity_0.5', 'a/tickets/sparsity_0.7379', 'b/tickets/sparsity_0.9', 'c'):
    (tmp_path / name).mkdir(parents=True)
    (tmp_path / name / 'ticket.json').write_text('{}')
  found = [named_files.ticket_in(str(tmp_path / name), level) for name, level in (('a', 0.7379), ('b', None), ('b', 0.9), ('c', 0.1))]
  assert [path.removeprefix(f'{tmp_path}/') for path in found] == ['a/tickets/sparsity_0.7379', *2 * ['b/tickets/sparsity_0.9'], 'c']
  for name, level, received in (('a', None, 'no --sparsity, of'), ('a', 0.9, '--sparsity=0.9, of'), ('b', 0.5, '--sparsity=0.5, of')):
    with pytest.raises(UserError, match=f"A run's ticket is named by its sparsity. Received: {received}"):
      named_files.ticket_in(str(tmp_path / name), level)
  with pytest.raises(UserError, match='A ticket is a folder with ticket.json'):
    named_files.ticket_in(str(tmp_path / 'nowhere'))


def test_a_stretching_needs_a_source_and_a_target(tmp_path):
  (tmp_path / 'ticket.json').write_text('{}')
  named_files.check_source(str(tmp_path), None, True)
  for source, says_target, message in (
    ('', True, 'Received: no --source'),
    (str(tmp_path), False, 'Received: no depth. Write --target_depth'),
  ):
    with pytest.raises(UserError, match=message):
      named_files.check_source(source, None, says_target)
