import json

from tests.faults.mutations import mutated

FACTS = {'name': 'x', 'count': 3, 'inside': {'list': [1, 2.5, 'y'], 'none': None}}
SEEDS = [json.dumps(FACTS).encode(), b'\x1c\x00\x00\x00TFL3' + bytes(range(64))]


def test_an_input_is_the_same_whenever_it_is_asked_for_and_others_are_others():
  drawn = [mutated(SEEDS, number) for number in range(400)]
  assert drawn == [mutated(SEEDS, number) for number in range(400)]
  assert len(set(drawn)) > 350 and json.loads(SEEDS[0]) == FACTS


def test_some_are_still_json_of_another_shape_and_some_are_none():
  found = []
  for number in range(600):
    try:
      found.append(json.loads(mutated(SEEDS[:1], number)))
    except (ValueError, RecursionError):
      found.append(None)
  plain = [facts for facts in found if facts not in (None, FACTS)]
  assert len(plain) > 100 and found.count(None) > 200
  assert any(set(facts) != set(FACTS) for facts in plain if isinstance(facts, dict))
  assert any(facts['count'] != 3 for facts in plain if isinstance(facts, dict) and isinstance(facts.get('count'), int | float))


def test_what_is_no_json_changes_too_and_nothing_is_an_input():
  assert sum(mutated(SEEDS[1:], number) != SEEDS[1] for number in range(100)) > 60
  assert isinstance(mutated([b''], 3), bytes)


def test_what_is_too_deep_to_be_taken_apart_changes_too():
  deep = b'[' * 100_000 + b']' * 100_000
  assert any(mutated([deep], number) != deep for number in range(8))
