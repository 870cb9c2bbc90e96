"""Settings that suit pictures and start, and what is said of them."""

import pytest

from st_tf.api import fitting
from st_tf.api.suited import suited
from st_tf.arch import memory
from st_tf.config import Config, ConfigError
from st_tf.config.request import Request
from st_tf.training.plan import Plan
from tests.photographs import task

NOTHING = Request.of({})


@pytest.mark.parametrize(('pictures', 'epochs'), [(2443, 27), (1000, 65), (320, 200), (40, 200), (100_000, 10)])
def test_epochs_of_a_fine_tuning_make_two_thousand_steps(pictures, epochs):
  own = fitting.fine_tuning(task(pictures), NOTHING)
  assert own['epochs'] == (epochs, f'{epochs * (pictures // 32):,} steps with {pictures:,} pictures')
  assert own['learning_rate'][0] == 0.05 and own['ranking'][0] == 'global'


def test_a_new_head_for_maps_learns_more_slowly():
  assert fitting.fine_tuning(task(1000, 'mobile_dense', 'segmentation'), NOTHING)['learning_rate'][0] == 0.02


def test_a_task_with_an_optimizer_keeps_it_at_a_smaller_rate():
  own = fitting.fine_tuning(task(1000, 'mobile_dense', 'keypoints', optimizer='adam', learning_rate=0.003, weight_decay=1e-8), NOTHING)
  assert own['learning_rate'][0] == pytest.approx(0.001) and 'weight_decay' not in own
  scratch = fitting.from_scratch(task(1000, 'mobile_dense', 'keypoints', optimizer='adam', learning_rate=0.003), NOTHING)
  assert 'learning_rate' not in scratch and scratch['batch_size'][0] == 32


def test_from_scratch_small_sets_have_more_epochs_of_smaller_batches():
  own = fitting.from_scratch(task(2443), NOTHING)
  assert {name: value for name, (value, _) in own.items()} == {'batch_size': 32, 'learning_rate': 0.05, 'epochs': 53}
  assert fitting.from_scratch(task(40_000), NOTHING) == {}, 'whose 16 epochs of batches of 128 are steps enough'


def test_reasons_are_told_of_what_nobody_has_given(capsys, cache):
  found, config = suited(task(2443), Request.of({'epochs': 7, 'supernet': 'mobile'}))
  assert (config.epochs, config.batch_size, config.training.learning_rate) == (7, 32, 0.05)
  assert capsys.readouterr().out.splitlines() == [
    'batch_size 32: more steps from few pictures',
    'learning_rate 0.05: for batches of 32',
  ]
  assert found.sizes == {'train': 2443}


def test_a_batch_that_nobody_has_given_leaves_half_of_the_memory(monkeypatch, capsys, cache):
  monkeypatch.setattr(memory, 'machine', lambda: 3_300_000_000)
  _, config = suited(task(40_000), Request.of({'supernet': 'mobile', 'image_size': 96}))
  assert config.batch_size == 8 and config.training.learning_rate == pytest.approx(Config().training.learning_rate / 16)
  first, second = capsys.readouterr().out.splitlines()
  assert first.startswith('batch_size 8: 128 of 96x96 pixels would take about 3.') and first.endswith(' GB of the 3.3 GB that are here')
  assert second == f'learning_rate {config.training.learning_rate:g}: {Config().training.learning_rate:g} is for batches of 128'


def test_epochs_are_those_of_the_batch_that_fits(monkeypatch, capsys, cache):
  monkeypatch.setattr(memory, 'machine', lambda: 6_000_000_000)
  on = task(2443)
  on.image_size = (224, 224)
  _, config = suited(on, Request.of({'supernet': 'mobile'}))
  assert (config.batch_size, config.epochs) == (16, 27), 'about 4,000 steps'


def test_what_trains_at_a_time_shares_the_memory(monkeypatch, capsys, cache):
  monkeypatch.setattr(memory, 'machine', lambda: 6_000_000_000)
  request = Request.of({'supernet': 'mobile'})
  assert suited(task(40_000), request)[1].batch_size > suited(task(40_000), request, jobs=2)[1].batch_size


def test_where_no_batch_fits_the_way_out_is_another_size(monkeypatch, cache):
  monkeypatch.setattr(memory, 'machine', lambda: 1_000_000_000)
  for given in ({}, {'batch_size': 1}):
    with pytest.raises(ConfigError, match=r'fits into memory\. Received: .*Take a smaller --image_size, or a smaller --supernet'):
      suited(task(40_000), Request.of({'supernet': 'mobile'} | given))


def test_a_batch_that_is_given_has_to_fit(monkeypatch, cache):
  monkeypatch.setattr(memory, 'machine', lambda: 3_000_000_000)
  request = Request.of({'supernet': 'mobile', 'batch_size': 128})
  with pytest.raises(
    ConfigError, match=r'fits into memory\. Received: --batch_size=128 of 96x96 pixels, .*Take --batch_size=64, or a smaller'
  ):
    suited(task(40_000), request)
  monkeypatch.setattr('st_tf.training.replicas.has_gpu', lambda: True)
  assert suited(task(40_000), request)[1].batch_size == 128


def test_a_batch_that_nobody_has_given_is_no_larger_than_the_training(capsys, cache):
  _, config = suited(task(28), Request.of({'supernet': 'mobile'}))
  assert config.batch_size == 16 and 'batch_size 16: there are 28 pictures' in capsys.readouterr().out.splitlines()


def settings_of(on, **given):
  return {name: value for name, (value, _) in fitting.fine_tuning(on, Request.of(given)).items()}


def test_a_search_by_factors_ends_early_in_a_trained_network():
  own = settings_of(task(1000), unit_search='factors')
  assert own['search_end'] == 0.2 < own['prune_end'] and not {'unit_search', 'unit_multiple'} & own.keys()
  assert settings_of(task(1000), target_macs=0, penalty=0.001)['search_end'] == 0.2, 'which scores have no part in'
  for other in ({'target_macs': 0}, {'penalty': 0.001}, {'unit_search': 'scores'}):
    assert settings_of(task(1000), **other)['unit_search'] == 'scores'
  Plan.of(Request.of({'unit_search': 'factors'}).resolved(own), 31)


def test_what_a_task_brings_is_its_own():
  on = task(1000, learning_rate=0.01, epochs=100, batch_size=16)
  assert not {'learning_rate', 'epochs', 'batch_size'} & settings_of(on).keys()
  assert settings_of(task(1000, batch_size=16))['epochs'] == 33, 'about 2,000 steps of its batches'
  assert settings_of(task(1000, optimizer='adam'))['learning_rate'] == Config().training.learning_rate / 3, 'which brings no rate'


def test_a_rate_is_of_the_optimizer():
  on = task(1000, 'mobile_dense', 'keypoints', optimizer='adam', learning_rate=0.003)
  assert 'learning_rate' not in settings_of(on, optimizer='sgd'), 'which the task has'
  for start in (fitting.fine_tuning, fitting.from_scratch):
    assert start(task(1000), Request.of({'optimizer': 'adam'}))['learning_rate'] == (0.001, 'usual for adam, not measured here')


@pytest.mark.parametrize(
  ('batch', 'rate', 'why'),
  [(8, 0.0125, '0.05 is for batches of 32'), (32, 0.05, 'for batches of 32'), (64, 0.05, 'for batches of 32 and more')],
)
def test_a_rate_is_of_the_batch(batch, rate, why):
  for start in (fitting.fine_tuning, fitting.from_scratch):
    assert start(task(1000), NOTHING, batch)['learning_rate'] == (pytest.approx(rate), why)


def told(capsys, own=None, **given):
  fitting.told(Request.of(given), task(1000), own or {}, {})
  return capsys.readouterr().out.splitlines()


def test_settings_without_a_part_in_the_search_are_named(capsys):
  own = fitting.fine_tuning(task(1000), NOTHING)
  lines = told(capsys, own, search_end=0.3, dead_below=0.1)
  assert lines[0] == 'search_end, dead_below: of a search by factors, which units that go by scores before the first step do not need'
  assert 'unit_search scores: its weights say what a unit is worth' in lines
  lines = told(capsys, own, target_macs=0)
  assert not [line for line in lines if line.startswith('unit_')], 'of which none goes'


def test_a_multiple_needs_scores():
  message = 'searched by scores. Received: --unit_multiple=8 and a search by factors. Write --unit_multiple=1, or a network by name'
  with pytest.raises(ConfigError, match=message):
    fitting.told(Request.of({'unit_multiple': 8}), task(1000), {}, {})
  # Runs of before wrote it down, where it counted for nothing.
  fitting.told(Request({'unit_search': 'factors'}, {'unit_multiple': 8}), task(1000), {}, {})
  fitting.told(Request.of({'unit_multiple': 8, 'method': 'dense'}), task(1000), {}, {})
