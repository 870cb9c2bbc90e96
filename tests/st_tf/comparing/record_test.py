import dataclasses
import json

import pytest

from st_tf import wording
from st_tf.comparing.record import RecordError, Records
from st_tf.config import Config, Identity, SearchConfig
from st_tf.task import DataConfig, confidence
from tests import damage
from tests.st_tf.comparing.table_test import EXAMPLES, record

CONFIG = Config(task='shapes', seed=3, data=DataConfig(data_dir='/somewhere'))
RUN = Identity.of(CONFIG)


def having(**settings) -> Identity:
  return Identity.of(dataclasses.replace(CONFIG, **settings))


def written(path) -> dict:
  """What is in a record, as it was written before there were checksums."""
  facts = json.loads(path.read_text())
  del facts['checksum']
  return facts


@pytest.fixture
def folder(tmp_path):
  Records(tmp_path / 'records', EXAMPLES).keep(RUN, record(0.5, 60.0))
  return tmp_path / 'records'


def test_a_run_is_found_by_its_settings_wherever_its_data_lay(folder):
  records = Records(folder, EXAMPLES)
  assert records.find(RUN) == record(0.5, 60.0)
  assert records.find(having(data=DataConfig(data_dir='/elsewhere'))) == record(0.5, 60.0)
  assert records.find(having(seed=4)) is None
  assert '/somewhere' not in next(folder.iterdir()).read_text()


def test_intervals_that_were_drawn_are_kept_and_those_of_shares_are_known_from_before(tmp_path):
  drawn = dataclasses.replace(record(0.5, 60.0), intervals={'test': (0.25, 0.625)})
  Records(tmp_path, EXAMPLES).keep(RUN, drawn)
  found = Records(tmp_path, EXAMPLES).find(RUN)
  assert found == drawn and found.interval('test', 'top1') == (0.25, 0.625)
  assert found.interval('validation', 'top1') == confidence.interval('top1', 0.51, 20)
  (path,) = tmp_path.iterdir()
  before = written(path)
  for wrong in ([0.1], [0.1, 'x'], 5, {'low': 0.1}, None):
    path.write_text(json.dumps(before | {'intervals': {'test': wrong}}))
    with pytest.raises(RecordError, match=r'intervals\.test'):
      Records(tmp_path, EXAMPLES)


def test_a_setting_that_came_later_counts_as_one_at_its_default(folder):
  (path,) = folder.iterdir()
  facts = written(path)
  del facts['settings']['search_end']
  path.write_text(json.dumps(facts))
  assert Records(folder, EXAMPLES).find(RUN) is not None
  assert Records(folder, EXAMPLES).find(having(search=SearchConfig(search_end=0.5))) is None


def test_a_record_is_replaced_by_a_later_one_of_its_run(folder):
  Records(folder, EXAMPLES).keep(RUN, record(0.75, 60.0))
  assert len(list(folder.iterdir())) == 1 and Records(folder, EXAMPLES).find(RUN).metrics['test'] == {'top1': 0.75}


def test_of_two_records_of_a_run_the_one_that_knows_more_is_taken(folder):
  (path,) = folder.iterdir()
  facts = written(path)
  del facts['metrics']['test']
  for name in ('aaa.json', 'zzz.json'):
    (folder / name).write_text(json.dumps(facts))
    assert 'test' in Records(folder, EXAMPLES).find(RUN).metrics


def test_a_record_of_other_data_is_not_taken_for_one_of_these(folder):
  assert Records(folder, EXAMPLES).find(RUN) is not None
  other = Records(folder, {'train': 1000, 'validation': 20, 'test': 30})
  with pytest.raises(
    RecordError, match=r'Received: 100 train, 20 validation, 30 test examples in .*records, here 1,000 train, 20 .* --records'
  ):
    other.find(RUN)
  assert other.find(having(seed=4)) is None


def test_a_record_of_before_numbers_of_examples_were_recorded_is_refused_and_not_damaged(folder):
  (path,) = folder.iterdir()
  facts = written(path)
  del facts['examples']
  path.write_text(json.dumps(facts))
  with pytest.raises(RecordError, match=r'one data set\. Received: an unknown number of examples in .*records, here 100 train'):
    Records(folder, EXAMPLES).find(RUN)


def test_no_folder_is_no_records(tmp_path):
  assert Records(tmp_path / 'nowhere', EXAMPLES).find(RUN) is None


def test_a_file_is_no_folder_of_records(tmp_path):
  (tmp_path / 'file').write_text('')
  with pytest.raises(RecordError, match=r'--records is a folder\. Received: .*file'):
    Records(tmp_path / 'file', EXAMPLES)


def test_folders_that_cannot_be_written_to_can_be_read(folder, monkeypatch):
  Records(folder, EXAMPLES).check_writable()
  Records(folder / 'some' / 'where', EXAMPLES).check_writable()
  monkeypatch.setattr('st_tf.comparing.record.os.access', lambda path, mode: path != folder)
  assert Records(folder, EXAMPLES).find(RUN) is not None
  for records in (folder, folder / 'some' / 'where'):
    with pytest.raises(RecordError, match=r'--records is a folder that can be written to\. Received: '):
      Records(records, EXAMPLES).check_writable()


def test_no_folder_is_made_in_a_file(tmp_path):
  (tmp_path / 'file').write_text('')
  with pytest.raises(RecordError, match=r'can be written to\. Received: .*file.records'):
    Records(tmp_path / 'file' / 'records', EXAMPLES).check_writable()


@pytest.mark.parametrize('change', ['{', '[]', '{"settings": {}}', {'settings': {'spead': 1}}, {'cost': {'macs': 1}}, {'surprise': 1}])
def test_a_file_that_is_no_record_is_named(folder, change):
  (path,) = folder.iterdir()
  path.write_text(change if isinstance(change, str) else json.dumps(written(path) | change))
  with pytest.raises(RecordError, match=r'holds what comparisons have written\. Received: .*supertickets-3-.*Remove it'):
    Records(folder, EXAMPLES)


def test_a_record_that_was_changed_is_refused_and_one_of_before_is_read(folder):
  (path,) = folder.iterdir()
  whole = path.read_bytes()
  facts = json.loads(whole)
  del facts['checksum']
  path.write_text(json.dumps(facts))
  assert Records(folder, EXAMPLES).find(RUN) == record(0.5, 60.0)
  texts = [*damage.flipped(whole, 150), *damage.cut(whole, 10), *list(damage.mistyped(facts))[::9], b'[' * 9999]
  texts += [json.dumps(facts).replace('60.0', value, 1).encode() for value in ('1' + '0' * 400, '"x"', 'NaN')]
  refused = 0
  for text in texts:
    path.write_bytes(text)
    try:
      found = Records(folder, EXAMPLES).find(RUN)
      assert found is None or wording.duration(found.training.seconds)
    except RecordError:
      refused += 1
  assert refused > 100


@pytest.mark.parametrize('changes', [{'init_from': '/etc/passwd'}, {'cost': 'latency:../table.json'}, {'weights': '~/weights.npz'}])
def test_a_record_that_names_a_place_on_some_machine_is_refused_and_nothing_read(folder, changes, monkeypatch):
  (path,) = folder.iterdir()
  facts = written(path)
  path.write_text(json.dumps(facts | {'settings': facts['settings'] | changes}))
  monkeypatch.setattr('st_tf.config.named_files.digest', None)
  with pytest.raises(RecordError, match=rf'{next(iter(changes))} is .*, a place on some machine'):
    Records(folder, EXAMPLES)
