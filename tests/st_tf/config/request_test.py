"""Where settings come from is decided in one place, for the command line and for Python alike."""

import dataclasses
import json

import pytest

from st_tf.config import Config, ConfigError, ElasticConfig
from st_tf.config.request import Request
from st_tf.errors import UserError
from tests.st_tf.config.config_test import OTHER_VALUES

OWN = {'optimizer': 'adam', 'learning_rate': 0.003, 'epochs': 7}


def test_what_is_given_wins_over_the_file_and_that_over_the_task_and_that_over_the_default(tmp_path):
  (tmp_path / 'config.json').write_text(json.dumps({'epochs': 8, 'seed': 5}))
  found = Request.of({'seed': 6}, str(tmp_path / 'config.json')).resolved(OWN)
  assert (found.seed, found.epochs, found.training.optimizer, found.batch_size) == (6, 8, 'adam', Config().batch_size)


def test_a_recipe_wins_over_the_task():
  request = Request.of({'epochs': 3}, recipe='coco')
  found = request.resolved(OWN)
  assert (found.training.learning_rate, found.training.optimizer, found.epochs) == (1e-3, 'adam', 3)
  assert request.recipe == 'coco' and request.source == '--recipe=coco'


def test_notes_of_a_recipe_name_it():
  assert Request.of({'batch_size': 16}, recipe='cityscapes').notes == (
    'recipe cityscapes: learning rate 0.04 is for batches of 32, not 16; --scale_with_batch scales it',
  )


def test_resolving_reads_nothing_and_changes_nothing(tmp_path):
  path = tmp_path / 'config.json'
  path.write_text('{"epochs": 8}')
  request = Request.of({}, str(path))
  path.unlink()
  assert request.resolved() == request.resolved() == Config.from_flat({'epochs': 8})


def test_a_ticket_to_start_from_brings_its_network():
  assert Request({'init_from': 'ticket'}, {'supernet': 'tiny'}).resolved().supernet == ''
  assert Request({'init_from': 'weights.npz'}, {'supernet': 'tiny'}).resolved().supernet == 'tiny'


def test_two_sources_at_once_are_refused():
  with pytest.raises(ConfigError, match=r'from a file or from a recipe\. Received: --config=a\.json and --recipe=coco'):
    Request.of({}, 'a.json', 'coco')


def test_an_unknown_setting_is_named_with_the_nearest():
  with pytest.raises(ConfigError, match=r"Received: 'sparcity'\. Did you mean sparsity\?"):
    Request.of({'sparcity': 0.9}).resolved()


@pytest.mark.parametrize(
  ('given', 'message'),
  [
    ({'task': 'folder:nowhere'}, 'names a folder that exists'),
    ({'supernet': 'tiny2'}, 'A supernet is one of'),
    ({'weights': 'nowhere.npz'}, '--weights names a file that is there'),
    ({'source': 'nowhere', 'method': 'elastic'}, '--source names a file that is there'),
    ({'source': '.', 'method': 'elastic', 'target_depth': 20}, 'A ticket is a folder with ticket.json'),
    ({'method': 'elastic', 'target_depth': 20}, 'stretches or squeezes a ticket. Received: no --source'),
  ],
)
def test_what_is_not_there_is_refused_before_anything_is_loaded(given, message):
  with pytest.raises(UserError, match=message):
    Request({'task': 'shapes'} | given).check_there()


def test_a_recipes_own_task_is_looked_for_where_it_is_read():
  Request.of({'image_size': 64}, recipe='imagenet').check_there()


@pytest.mark.parametrize(('given', 'base', 'named'), [({}, {}, None), ({'sparsity': 0.5}, {}, 0.5), ({}, {'sparsity': [0.5, 0.8]}, 0.8)])
def test_a_sparsity_is_known_where_somebody_has_named_one(given, base, named):
  assert Request(given, base).sparsity == named


@pytest.mark.parametrize('name', [field.name for field in dataclasses.fields(ElasticConfig)])
def test_a_setting_of_a_stretching_is_refused_where_nothing_is_stretched(name):
  given = {name: OTHER_VALUES.get(name, {'target_depth': 20, 'shuffle_replicas': True}.get(name))}
  Request(given).check_read(['gmp', 'elastic'])
  with pytest.raises(ConfigError, match=rf'--{name} is read by --method=elastic alone. Received: --{name}=.* with gmp, lottery. Leave it'):
    Request(given).check_read(['gmp', 'lottery'])
  with pytest.raises(ConfigError, match=rf'Received: --{name}=.* \(in a.json\) with gmp'):
    Request({}, given, 'a.json').check_read(['gmp'])


def test_settings_of_a_stretching_at_their_defaults_are_no_others():
  Request({'target_depth': 0}, Config().flat()).check_read(['gmp'])


@pytest.mark.parametrize(('sparsity', 'highest'), [('85%', 0.85), ('0.8,90%', 0.9), ((0.5, 0.7), 0.7), (0.6, 0.6)])
def test_the_highest_sparsity_is_a_number_however_it_is_written(sparsity, highest):
  assert Request.of({'sparsity': sparsity}).sparsity == highest and Request.of({}).sparsity is None


def test_every_share_of_menas_may_be_a_percentage():
  evolution = Request.of({'ticket_macs': '70%', 'ticket_sparsity': '40%', 'largest_share': '25%'}).resolved().evolution
  assert (evolution.ticket_macs, evolution.ticket_sparsity, evolution.largest_share) == (0.7, 0.4, 0.25)
