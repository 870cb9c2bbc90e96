import json
import pathlib

import pytest

from st_tf.config import Config
from st_tf.errors import UserError


@pytest.mark.parametrize(('name', 'prefix'), [('supernet', ''), ('cost', 'latency:'), ('class_names', ''), ('detections', '')])
def test_of_a_file_the_contents_count_and_not_where_it_is(name, prefix, tmp_path):
  paths = [tmp_path / folder / 'file.json' for folder in ('one', 'two')]
  for path in paths:
    path.parent.mkdir()
    path.write_text('first')
  one, two = (Config.from_flat({name: f'{prefix}{path}'}) for path in paths)
  fingerprint = one.fingerprint
  assert two.fingerprint == fingerprint and one.identity() == two.identity()
  portable = one.portable()
  assert str(tmp_path) not in str(portable) and Config.from_flat(portable).fingerprint == fingerprint
  assert Config.from_flat(portable).portable() == portable
  paths[0].write_text('second')
  assert Config.from_flat(one.flat()).fingerprint != fingerprint
  assert one.fingerprint == fingerprint, 'a run has read its files when it began'
  assert Config(supernet='tiny').portable() == Config(supernet='tiny').flat()
  assert Config.from_flat({name: f'{prefix}{"x" * 300}'}).fingerprint


def test_of_a_ticket_its_fingerprint_counts_and_not_its_scores(tmp_path, monkeypatch):
  facts = tmp_path / 'ticket' / 'ticket.json'
  facts.parent.mkdir()

  def fingerprint(**content) -> str:
    facts.write_text(json.dumps(content))
    return Config(init_from=str(facts.parent)).fingerprint

  first = fingerprint(fingerprint='a' * 64)
  assert fingerprint(fingerprint='a' * 64, metrics={'test': 0.5}) == first != fingerprint(fingerprint='b' * 64)
  damaged = fingerprint(metrics={})
  assert damaged != first and damaged == fingerprint(metrics={}), 'a damaged ticket is refused where it is loaded'
  (tmp_path / 'tiny').mkdir()
  (tmp_path / 'tiny' / 'ticket.json').write_text(json.dumps({'fingerprint': 'a' * 64}))
  monkeypatch.chdir(tmp_path)
  assert Config(init_from='tiny').fingerprint == first, 'which is called like a supernet'
  facts.parent.rename(tmp_path / 'moved')
  (tmp_path / 'moved' / 'ticket.json').write_text(json.dumps({'fingerprint': 'a' * 64}))
  assert Config(init_from=str(tmp_path / 'moved')).fingerprint == first


def test_a_file_that_cannot_be_read_is_named_with_its_setting(tmp_path, monkeypatch):
  file = tmp_path / 'table.json'
  file.write_text('{}')

  def closed(path):
    raise PermissionError(13, 'Permission denied')

  monkeypatch.setattr(pathlib.Path, 'read_bytes', closed)
  with pytest.raises(UserError, match=r'--cost names a file that can be read\. Received: latency:.*table.json .*Permission denied'):
    Config.from_flat({'cost': f'latency:{file}'}).identity()
  assert Config(supernet='~nobody_of_this_name/net.json').contents == {}


def test_what_is_not_the_name_of_a_file_counts_as_it_is_written(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for name in ('macs', 'cat,dog', 'tiny'):
    (tmp_path / name).write_text('a file that happens to have this name')
  config = Config.from_flat({'cost': 'macs', 'class_names': 'cat,dog', 'supernet': 'tiny'})
  assert config.portable() == config.flat() and not config.contents
  assert Config.from_flat({'class_names': 'C#,Java'}).fingerprint != Config.from_flat({'class_names': 'F#,Java'}).fingerprint
