"""The plan that a dry run prints."""

import json
import pathlib
import re

import numpy as np
import pytest

from st_tf import methods
from st_tf.api.dry_run import describe
from st_tf.api.stand_in import StandIn
from st_tf.arch.specs import HeadSpec
from st_tf.config import METHODS, ConfigError
from st_tf.config.recipes import Recipe
from st_tf.models.reference import ReferenceWeightsError
from st_tf.task import DataConfig
from tests import tiny


@pytest.fixture
def network_file(tmp_path):
  path = tmp_path / 'network.json'
  path.write_text(json.dumps(tiny.SPECK.to_json()))
  return str(path)


def plan(network_file, **settings):
  return '\n'.join(describe(tiny.task(), tiny.config(supernet=network_file, **settings), pathlib.Path('somewhere')))


PLANNED = [name for name in METHODS if methods.named(name).is_compared and name != 'elastic']  # Whose own test has a ticket to begin with.


@pytest.mark.parametrize('method', PLANNED)
def test_every_method_can_be_planned(network_file, monkeypatch, method):
  monkeypatch.setattr('st_tf.api.dry_run._seconds', lambda trainer, plan: (1.0, 0.1))
  own = {'space': 'mobilenet3_mt_tiny', 'target_macs': 25_000.0} if methods.named(method).has_networks else {}
  text = plan(network_file, method=method, **own)
  assert (': 7,820,478,720 networks' in text) == bool(own)
  assert f'{method} on module:tests.tiny' in text and 'about' in text


def test_the_time_is_that_of_all_stages(network_file, monkeypatch):
  monkeypatch.setattr('st_tf.api.dry_run._seconds', lambda trainer, plan: (1.0, 0.5))
  text = plan(network_file, method='search_prune_retrain', epochs=10)
  assert 'search 10 epochs, retrain at 80% 10 epochs; 20 in all' in text and f'about 1 min {0:02d} s without evaluation' in text


def test_the_plan_names_sizes_events_and_time(network_file):
  text = plan(network_file, target_macs=0.7)
  assert '96 train, 24 validation, 24 test; 8x8 pixels, 3 outputs' in text
  beat = re.search(r'\n  to beat     top-1 accuracy on validation: (.*); in brackets 95% intervals, 24 examples\n', text)
  assert re.fullmatch(r'chance 33.3%, most frequent class 33.3% \(18.0 to 53.3%\), linear model [\d.]+% \([\d.]+ to [\d.]+%\)', beat[1])
  assert '4 epochs of 6 steps of 16 images = 24 steps' in text
  assert 'target' in text and '(70%); the penalty is steered' in text
  assert 'cubic, soft_threshold, erk ranking' in text and '80% at step 18' in text
  assert 'ms per step: about' in text
  assert 'workdir somewhere' in text and not pathlib.Path('somewhere').exists()


def test_a_step_that_only_all_workers_together_have_room_for_is_not_taken(network_file, monkeypatch):
  monkeypatch.setattr('st_tf.arch.memory.machine', lambda: 1_000)
  monkeypatch.setattr('st_tf.api.dry_run._seconds', lambda trainer, plan: pytest.fail('a step was taken'))
  assert plan(network_file).endswith('not measured, since one process takes the whole batch here, about 1.2 GB')


def test_a_dense_run_plans_neither_search_nor_pruning(network_file):
  text = plan(network_file, method='dense')
  assert '  search      none' in text and '  pruning     none' in text


def test_an_impossible_target_names_the_least(network_file):
  with pytest.raises(ConfigError, match=r'at least what is left without any search unit, [\d,]+ MACs here'):
    plan(network_file, target_macs=10.0)


def test_a_file_of_weights_that_no_run_could_begin_with_is_refused(network_file, tmp_path):
  file = tmp_path / 'weights.npz'
  file.write_bytes(b'PK')
  with pytest.raises(ReferenceWeightsError, match='an .npz file of plain arrays'):
    plan(network_file, init_from=str(file))
  np.savez(file, **{'classifier.0.weight': np.zeros((3, 3))})
  with pytest.raises(ReferenceWeightsError, match='Every weight has a tensor'):
    plan(network_file, init_from=str(file))


def test_without_data_everything_but_the_time_is_planned_and_that_is_said(network_file, monkeypatch):
  recipe = Recipe({'task': 'elsewhere', 'supernet': network_file, 'image_size': 8}, 'top1', HeadSpec('classification', 3), tiny.SIZES)
  lines = plan(network_file).splitlines()
  with_data = [line for line in lines if not line.startswith('  to beat')]
  assert len(with_data) == len(lines) - 1
  monkeypatch.setattr('st_tf.training.trainer.Trainer.train', None)
  text = '\n'.join(describe(StandIn(recipe, DataConfig()), tiny.config(supernet=network_file), pathlib.Path('somewhere')))
  assert '  data        none was read; by the published sizes 96 train, 24 validation, 24 test; 8x8 pixels, 3 outputs' in text
  assert text.endswith('  time        not measured, since no data was read; --data_dir=FOLDER reads some')
  assert text.splitlines()[2:-1] == with_data[2:-2], 'the plan is the same as with data'
