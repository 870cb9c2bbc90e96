import json

import pytest

from st_tf.errors import UserError
from st_tf.workers import VARIABLE, Place, check_alone, here


def place(cluster, kind='worker', index=0):
  return here({VARIABLE: json.dumps({'cluster': cluster, 'task': {'type': kind, 'index': index}})})


def test_a_process_is_alone_where_nobody_says_otherwise():
  assert here({}) == here({VARIABLE: ' '}) == here({VARIABLE: '{}'}) == here({VARIABLE: '{"cluster": {}, "task": {}}'}) == Place(0, 1)
  assert Place().is_chief


def test_the_first_worker_is_the_chief_unless_there_is_one_by_name():
  workers = {'worker': ['one:1', 'two:1', 'three:1']}
  assert [place(workers, index=index) for index in range(3)] == [Place(0, 3), Place(1, 3), Place(2, 3)]
  assert [place(workers, index=index).is_chief for index in range(3)] == [True, False, False]
  led = {'chief': ['zero:1'], 'worker': ['one:1', 'two:1']}
  assert (place(led, 'chief'), place(led, 'worker', 0), place(led, 'worker', 1)) == (Place(0, 3), Place(1, 3), Place(2, 3))


def test_the_place_is_that_of_the_process(monkeypatch):
  monkeypatch.setenv(VARIABLE, '{"cluster": {"worker": ["one:1", "two:1"]}, "task": {"type": "worker", "index": 1}}')
  assert here() == Place(1, 2)


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('{', r"Received: '\{' \(JSONDecodeError\)"),
    ('[]', r"Received: '\[\]' \(AttributeError\)"),
    ('[' * 100_000, r'RecursionError'),
    ('{"cluster": {"worker": 3}}', r'TypeError'),
    ('{"cluster": {"worker": "one:2222"}, "task": {"type": "worker", "index": 7}}', r'TypeError'),
    ('{"cluster": [3], "task": {"type": "worker"}}', r'IndexError'),
    ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": Infinity}}', r'OverflowError'),
    ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "x"}}', r'ValueError'),
    ('{"cluster": {"worker": ["a:1"]}}', r'Received: a process without a type'),
    ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "evaluator", "index": 0}}', r'Received: a evaluator, which trains nothing here'),
    ('{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "worker", "index": 0}}', r'Received: a ps'),
    ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', r'Received: worker 1 of 1'),
    ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}', r'Received: chief 0 of 0'),
  ],
)
def test_what_names_no_place_is_said(text, message):
  with pytest.raises(UserError, match=rf'TF_CONFIG says which worker.*{message}.*Write it so, or unset it'):
    here({VARIABLE: text})


def test_what_trains_on_one_machine_is_no_worker(monkeypatch):
  check_alone('A comparison')
  monkeypatch.setenv(VARIABLE, '{"cluster": {"worker": ["one:1", "two:1"]}, "task": {"type": "worker", "index": 1}}')
  with pytest.raises(UserError, match=r'A comparison trains on one machine\. Received: TF_CONFIG with 2 workers\. Unset it'):
    check_alone('A comparison')
