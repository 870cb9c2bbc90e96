import dataclasses

import pytest

from st_tf.comparing import possible
from st_tf.comparing.entries import essential
from st_tf.config import ConfigError
from st_tf.methods import menas
from st_tf.pruning.ranking import RankingError
from tests import tiny


def config(method: str, **settings):
  return essential(tiny.config(**{'method': method, 'supernet': str(tiny.SUPERNET)} | settings))


@pytest.fixture
def built(monkeypatch):
  """The settings of the networks that were built."""
  found, untrained = [], possible._untrained

  def counted(config, task):
    found.append(config)
    return untrained(config, task)

  monkeypatch.setattr(possible, '_untrained', counted)
  return found


def test_what_every_run_can_have_is_built_once(built):
  runs = [config('supertickets', sparsity=(sparsity,), seed=seed, target_macs=0.6) for sparsity in (0.5, 0.8) for seed in (0, 1)]
  possible.check([*runs, config('gmp', sparsity=(0.99,)), config('snip', sparsity=(0.99,)), config('dense', sparsity=(0.0,))], tiny.task())
  assert [found.pruning.sparsity for found in built] == [(0.8,)]


def test_floors_that_do_not_allow_a_sparsity_are_told(built):
  lower, higher = (config('supertickets', sparsity=(sparsity,), layer_floor=0.1) for sparsity in (0.5, 0.95))
  possible.check([lower], tiny.task())
  with pytest.raises(RankingError, match=r'sparsity 0\.95'):
    possible.check([lower, higher], tiny.task())
  possible.check([dataclasses.replace(higher, method='gmp')], tiny.task())  # It knows no floors.


@pytest.mark.parametrize('method', ['search_then_prune', 'tuner'])
def test_a_target_that_no_network_meets_is_told(built, method):
  possible.check([config(method, target_macs=0.9)], tiny.task())
  with pytest.raises(ConfigError, match='--target_macs is at least what is left without any search unit'):
    possible.check([config(method, target_macs=0.01)], tiny.task())


def test_a_method_with_networks_of_its_own_is_asked_itself_and_once(built, monkeypatch):
  own = {'space': 'mobilenet3_mt_tiny', 'target_macs': 25_000.0}
  asked, ask = [], menas.METHOD.tells
  method = dataclasses.replace(menas.METHOD, tells=lambda task, config: asked.append(config) or ask(task, config))
  monkeypatch.setattr(possible.methods, 'named', lambda name: method)
  possible.check([config('menas', seed=seed, sparsity=(sparsity,), **own) for seed in (0, 1) for sparsity in (0.5, 0.8)], tiny.task())
  assert len(asked) == 1 and not built
  with pytest.raises(ConfigError, match='--target_macs is at least that of the smallest network of the space mobilenet3_mt_tiny'):
    possible.check([config('menas', **own | {'target_macs': 100.0})], tiny.task())
