from st_tf.runs.origin import origin
from tests import tiny


def test_a_ticket_says_where_it_comes_from_and_what_it_has_cost(monkeypatch):
  monkeypatch.setattr('sys.argv', ['somewhere/train.py', '--task=x y'])
  trainer = tiny.trainer(tiny.SPECK, searching=False)
  tiny.train(trainer, 2)
  found = origin(trainer, 3.5)
  assert found['method'] == 'supertickets' and found['command'] == "python -m st_tf.train '--task=x y'" and found['steps'] == 2
  assert found['training'] == {'epochs': 2 / tiny.STEPS_PER_EPOCH, 'macs': 2 * tiny.BATCH * 3 * trainer.macs, 'seconds': 3.5}
  assert 'source' not in found and 'trimmed' not in found and 'tensorflow' in found['versions']


def test_a_ticket_says_what_it_began_with_and_what_was_trimmed():
  trainer = tiny.trainer(tiny.SPECK, target_macs=0.5)
  trainer.source = 'abc'
  found = origin(trainer, 0.0, trimmed=12)
  assert found['trimmed'] == 12 and found['source'] == 'abc'
