from collections.abc import Mapping
import dataclasses
import json
from typing import Any

import pytest

from st_tf import plain


@dataclasses.dataclass
class Facts:
  count: int
  share: float
  name: str = ''
  sizes: Mapping[str, int] = dataclasses.field(default_factory=dict)
  pair: tuple[int, int] = (0, 0)
  labels: tuple[str, ...] = ()
  maybe: float | None = None
  anything: Any = None


WHOLE = {'count': 1, 'share': 2, 'name': 'a', 'sizes': {'b': 3}, 'pair': [1, 2], 'labels': ['x'], 'maybe': None, 'anything': [{}]}


@pytest.mark.parametrize(
  ('text', 'why'),
  [
    ('[' * 100_000, 'deep inside each other'),
    ('[' * 100 + ']' * 100, 'more than 60 deep'),
    ('{"a":' * 100 + '1' + '}' * 100, 'more than 60 deep'),
    ('{"a": 1' + '0' * 400 + '}', 'a number of 401 digits'),
    ('{"a": -9223372036854775809}', 'a number of 20 digits'),
    (b'\xff\xfe{}', 'decode'),
    ('{"half": ', 'Expecting value'),
    ('', 'Expecting value'),
  ],
)
def test_what_is_no_json_of_ours_is_a_value_error(text, why):
  with pytest.raises(ValueError, match=why):
    plain.parse(text)


def test_what_is_long_is_not_even_read(tmp_path, monkeypatch):
  monkeypatch.setattr(plain, '_LARGEST', 10)
  (tmp_path / 'a.json').write_text('[1, 2, 3, 4]')
  with pytest.raises(ValueError, match=r'a\.json: 12 bytes of JSON, of which at most 10 are read'):
    plain.read(tmp_path / 'a.json')
  assert plain.read(tmp_path / 'a.json', own=False) == [1, 2, 3, 4]


def test_damaged_files_are_value_errors_with_their_names(tmp_path):
  (tmp_path / 'a.json').write_text('{"half": ')
  for name in ('a.json', 'b.json', '.'):
    with pytest.raises(ValueError):
      plain.read(tmp_path / name)


def test_text_and_bytes_with_a_byte_order_mark_are_read():
  assert plain.parse('{"a": 1.5}') == plain.parse(b'\xef\xbb\xbf{"a": 1.5}') == {'a': 1.5}


def test_a_change_of_what_was_sealed_is_seen():
  facts = {'step': 54, 'rate': 0.1, 'names': ['a', 'b']}
  text = json.dumps(plain.sealed(facts))
  assert plain.unsealed(plain.parse(text)) == facts
  for changed in (text.replace('54', '14'), text.replace('0.1', '0.3'), text.replace('"a", "b"', '"b", "a"'), text.replace('step', 'stop')):
    with pytest.raises(ValueError, match='checksum is that of other contents'):
      plain.unsealed(plain.parse(changed))


def test_what_was_written_before_there_were_checksums_is_taken_as_it_is():
  assert plain.unsealed({'step': 54}) == {'step': 54}
  with pytest.raises(ValueError, match='list, not an object'):
    plain.unsealed([1])


def test_facts_of_the_types_of_their_fields_pass():
  plain.check(WHOLE, Facts, 'it')
  plain.check({}, Facts, 'it')


@pytest.mark.parametrize(
  ('name', 'value', 'why'),
  [
    ('count', '1', "it.count is '1', not a whole number"),
    ('count', True, 'it.count is True, not a whole number'),
    ('count', 1.0, 'not a whole number'),
    ('share', float('inf'), 'it.share is inf, not a number'),
    ('share', float('nan'), 'not a number'),
    ('share', None, 'it.share is None, not a number'),
    ('share', False, 'not a number'),
    ('name', 5, 'it.name is 5, not text'),
    ('sizes', [1], 'it.sizes is list, not an object'),
    ('sizes', {'b': 'c'}, "it.sizes.b is 'c', not a whole number"),
    ('pair', [1], 'it.pair is list, not a list of 2'),
    ('pair', [1, 'x'], r"it.pair\[1\] is 'x'"),
    ('labels', 'xyz', "it.labels is 'xyz', not a list"),
    ('labels', ['x', None], r'it.labels\[1\] is None, not text'),
    ('maybe', 'y', "it.maybe is 'y', not a number"),
  ],
)
def test_facts_of_other_types_are_named(name, value, why):
  with pytest.raises(ValueError, match=why):
    plain.check(WHOLE | {name: value}, Facts, 'it')


def test_of_whole_facts_none_may_be_missing():
  plain.check_whole(WHOLE, Facts, 'it')
  with pytest.raises(ValueError, match='it has no share'):
    plain.check_whole({'count': 1}, Facts, 'it')


def test_values_are_shown_short_and_on_one_line():
  assert plain.shortened('a\nb') == "'a\\nb'" and len(plain.shortened('x' * 999)) == 40 and plain.shortened({}) == 'dict'
