"""The plan that a dry run prints."""

import json
import pathlib

import pytest

from st_tf.config import ConfigError
from st_tf.dry_run import describe
from tests import tiny


@pytest.fixture
def network_file(tmp_path):
  path = tmp_path / 'network.json'
  path.write_text(json.dumps(tiny.ARCH.to_json()))
  return str(path)


def plan(network_file, **settings):
  return '\n'.join(describe(tiny.task(), tiny.config(supernet=network_file, **settings), pathlib.Path('somewhere')))


def test_the_plan_names_sizes_events_and_time(network_file):
  text = plan(network_file, target_macs=0.7)
  assert '96 train, 24 validation, 24 test; 8x8 pixels, 3 classes' in text
  assert '4 epochs of 6 steps of 16 images = 24 steps' in text
  assert 'target' in text and '(70%); the penalty is steered' in text
  assert 'cubic, soft_threshold, global ranking' in text and '80% at step 18' in text
  assert 'ms per step: about' in text
  assert 'workdir somewhere' in text and not pathlib.Path('somewhere').exists()


def test_a_dense_run_plans_neither_search_nor_pruning(network_file):
  text = plan(network_file, method='dense')
  assert '  search      none' in text and '  pruning     none' in text


def test_an_impossible_target_names_the_least(network_file):
  with pytest.raises(ConfigError, match=r'at least what is left without any search unit, [\d,]+ MACs here'):
    plan(network_file, target_macs=10.0)
