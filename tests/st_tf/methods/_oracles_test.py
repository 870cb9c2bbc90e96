"""keras-tuner's oracles when several processes ask them: none leaves before all trials have ended."""

import json
import threading
import types

import keras_tuner as kt
import pytest

from st_tf.config import ConfigError
from st_tf.methods import _oracles as oracles
from st_tf.methods import _tuning as tuning
from st_tf.methods._evolution import EvolutionOracle
from tests import tiny
from tests.st_tf.methods._tuning_test import BOTH, HEAD


def chosen(folder, tuner='random', trials=2):
  space = tuning.Space(tiny.ARCH, HEAD, (8, 8, 3), BOTH, 0, 1300, 1300.0)
  found = oracles.chosen(tiny.config(method='tuner', tuner=tuner, trials=trials, epochs=2), space.hyperparameters())
  found._set_project_dir(str(folder), 'tuner')
  return found


def end(oracle, trial):
  oracle.update_trial(trial.trial_id, {tuning.OBJECTIVE: 0.5})
  trial.status = 'COMPLETED'
  oracle.end_trial(trial)


@pytest.mark.parametrize('tuner', ['random', 'bayesian', 'hyperband'])
def test_who_has_nothing_to_do_stays_until_all_have_ended(tmp_path, tuner):
  oracle = chosen(tmp_path, tuner)
  first, second = oracle.create_trial('a'), oracle.create_trial('b')
  assert [first.status, second.status] == ['RUNNING', 'RUNNING']
  end(oracle, second)
  assert oracle.create_trial('b').status == 'IDLE' and oracle.tuner_ids == {'a', 'b'}
  end(oracle, first)
  assert [oracle.create_trial(name).status for name in 'ab'] == ['STOPPED', 'STOPPED'] and not oracle.tuner_ids


def test_who_stays_takes_over_what_the_last_one_left(tmp_path, capsys):
  oracle = chosen(tmp_path)
  first, second = oracle.create_trial('a'), oracle.create_trial('b')
  end(oracle, second)
  assert oracle.create_trial('b').status == 'IDLE'
  oracles.forget(oracle, 'a')
  assert 'worker a has died; its trial goes to another one.' in capsys.readouterr().err and oracle.tuner_ids == {'b'}
  again = oracle.create_trial('b')
  assert (again.trial_id, again.status) == (first.trial_id, 'RUNNING')
  end(oracle, again)
  assert oracle.create_trial('b').status == 'STOPPED'


def test_alone_a_search_ends_with_its_last_trial(tmp_path):
  oracle = chosen(tmp_path, trials=1)
  end(oracle, oracle.create_trial('a'))
  assert oracle.create_trial('a').status == 'STOPPED'


def test_who_is_forgotten_without_a_trial_leaves_nothing(tmp_path, capsys):
  oracle = chosen(tmp_path)
  oracles.forget(oracle, 'nobody')
  assert not oracle._retry_queue and not capsys.readouterr().err


def test_a_search_that_cannot_be_written_keeps_nobody_waiting_and_ends_with_an_error(tmp_path, monkeypatch):
  oracle, asked = chosen(tmp_path, trials=3), []

  def ask(name):
    thread = threading.Thread(target=lambda: asked.append(oracle.create_trial(name)), daemon=True)
    thread.start()
    thread.join(20)

  def full(*given):
    raise OSError('No space left on device')

  with monkeypatch.context() as broken:
    broken.setattr(kt.Oracle, 'save', full)
    broken.setattr(kt.Oracle, '_save_trial', full)
    ask('a')
    assert 'No space left' in str(oracle.unwritten)
    ask('b')
    with pytest.raises(OSError, match='No space left'):  # Alone it is said at once.
      oracle.save()
  ask('c')
  assert [trial.status for trial in asked] == ['RUNNING'] * 3 and oracle.unwritten is None
  assert (
    len([*tmp_path.glob('tuner/trial_*/trial.json')]) == 3
    and len(json.loads((tmp_path / 'tuner' / 'oracle.json').read_text())['start_order']) == 3
  )


def test_what_a_search_could_not_write_is_said_at_its_end(monkeypatch):
  tuner = types.SimpleNamespace(search=lambda verbose: None, oracle=types.SimpleNamespace(unwritten=OSError('No space left on device')))
  with pytest.raises(ConfigError, match=r'^A search is written down\. Received: No space left on device\. Make room, and give the same'):
    tuning.search(tuner, 'chief')
  tuning.search(tuner, 'alone')


@pytest.mark.parametrize('kind', [oracles.Bayesian, oracles.Hyperband, oracles.Random, EvolutionOracle])
def test_every_oracle_is_durable(kind):
  assert issubclass(kind, oracles.Durable)
