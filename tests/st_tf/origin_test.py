from st_tf.origin import origin
from tests import tiny


def test_a_ticket_says_where_it_comes_from_and_what_it_has_cost(monkeypatch):
  monkeypatch.setattr('sys.argv', ['somewhere/train.py', '--task=x y'])
  trainer = tiny.trainer(tiny.SPECK, searching=False)
  tiny.train(trainer, 2)
  found = origin(trainer, 3.5, searched=False)
  assert found['method'] == 'supertickets' and found['command'] == "python -m st_tf.train '--task=x y'" and found['steps'] == 2
  assert found['training'] == {'epochs': 2 / tiny.STEPS_PER_EPOCH, 'macs': 2 * tiny.BATCH * 3 * trainer.macs, 'seconds': 3.5}
  assert 'source' not in found and 'target_met' not in found and 'tensorflow' in found['versions']


def test_a_search_with_a_target_says_whether_it_was_met():
  trainer = tiny.trainer(tiny.SPECK, target_macs=0.5)
  trainer.source = 'abc'
  found = origin(trainer, 0.0, searched=True)
  assert found['target_met'] is False and found['source'] == 'abc'
