import pytest

from st_tf.config import Config


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


def test_what_is_not_the_name_of_a_file_counts_as_it_is_written(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for name in ('macs', 'cat,dog', 'tiny'):
    (tmp_path / name).write_text('a file that happens to have this name')
  config = Config.from_flat({'cost': 'macs', 'class_names': 'cat,dog', 'supernet': 'tiny'})
  assert config.portable() == config.flat() and not config.contents
  assert Config.from_flat({'class_names': 'C#,Java'}).fingerprint != Config.from_flat({'class_names': 'F#,Java'}).fingerprint
