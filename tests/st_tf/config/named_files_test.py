import json
import pathlib

import pytest

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
  [('weights', 'w.npz'), ('init_from', 'runs/a'), ('teacher', 'b.keras'), ('cost', 'latency:t.json'), ('supernet', 'keras:m.h5'),
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


def test_what_names_no_file_is_not_looked_for():
  named_files.check_there(Config().flat() | {'weights': 'imagenet', 'teacher': 'start', 'cost': 'macs', 'supernet': 'tiny'})
