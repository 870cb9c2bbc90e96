import dataclasses

import pytest

from st_tf import methods
from st_tf.comparing.budget import spent, within
from st_tf.comparing.entries import Cell, Entry, comparable, config_of
from st_tf.config import METHODS, ConfigError, leaves
from st_tf.methods._method import SEARCHED, SEARCHING, WHOLE, Method, Training
from st_tf.methods._pipeline import alone
from st_tf.training.plan import searching_alone
from tests import tiny


def test_a_method_is_known_by_its_file_and_the_others_are_named():
  assert all(isinstance(methods.named(name), Method) for name in METHODS)
  with pytest.raises(ConfigError, match=r"A method is one of supertickets, .*tuner\. Received: 'supertiket'\. Did you mean supertickets\?"):
    methods.named('supertiket')


@pytest.mark.parametrize('name', METHODS)
def test_what_is_said_of_a_method_are_settings_that_there_are(name):
  method, known = methods.named(name), {field.name for field in leaves()}
  assert set(method.reads) <= known and set(method.published) <= known
  assert len(set(method.reads)) == len(method.reads)


@pytest.mark.parametrize('name', [name for name in comparable() if name != 'elastic'])  # Which begins with a ticket.
def test_the_first_training_searches_where_the_plan_does_and_those_after_it_are_of_the_searched_network(name):
  method, config = methods.named(name), tiny.config(method=name, target_macs=0.7, epochs=10)
  first, *others = method.trainings(config)
  searches = method.plan(config, tiny.STEPS_PER_EPOCH).search_every > 0
  assert (first.network == SEARCHING) == searches and (method.first == 'search_only') == (searches and bool(others or first.name))
  assert {training.network for training in others} <= ({SEARCHED} if first.network != WHOLE else {WHOLE})


@pytest.mark.parametrize('name', [name for name in METHODS if methods.named(name).keeps_everything])
def test_what_keeps_everything_is_the_first_training_that_others_share(name):
  config = config_of(Cell(Entry(name, name), 0.0, 0), tiny.config(target_macs=0.7, prune_end=0.5, control='dense_body'), 0.1)
  assert config == alone(config, name)


def test_a_new_method_of_two_stages_says_what_its_trainings_cost(monkeypatch):
  def trainings(config):
    return [Training('search', config.epochs, SEARCHING), Training('again', 2 * config.epochs, SEARCHED), Training('whole', 1)]

  new = Method(plan=searching_alone, draw=None, reads=('target_macs',), trainings=trainings)
  monkeypatch.setattr(methods, 'named', lambda name: new)
  config = tiny.config(method='dense', epochs=10, target_macs=0.5, penalty_ramp=0.1, search_end=0.6, search_interval=0.1)
  searching = 0.375 + 0.625 * 0.5  # As in the tests of budgets.
  assert spent(config, 0) == pytest.approx(10 * searching + 2 * 10 * 0.5 + 1)
  assert spent(within(config, 12, 0), 0) <= 12 < spent(dataclasses.replace(config, epochs=within(config, 12, 0).epochs + 1), 0)
