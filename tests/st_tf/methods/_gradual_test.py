import numpy as np
import pytest
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_wrapper import PruneLowMagnitude, collect_prunable_layers

from st_tf.config import ConfigError
from st_tf.methods import _gradual as gradual
from st_tf.methods._gradual import prune_gradually
from st_tf.runs.workdir import Workdir
from st_tf.ticket import Ticket
from tests import tiny

SETTINGS = {'method': 'gmp', 'sparsity': (0.5,), 'epochs': 2, 'supernet': str(tiny.SUPERNET)}


def draw(path, supernet, source=None, **settings) -> Ticket:
  config = tiny.config(**SETTINGS | {'supernet': str(supernet)} | settings)
  return prune_gradually(tiny.task(), config, Workdir(path, config), source)


@pytest.fixture(scope='module')
def drawn(speck, tmp_path_factory):
  return draw(tmp_path_factory.mktemp('gmp') / 'run', speck)


def test_whole_intervals_lie_between_the_first_event_and_the_last():
  found = gradual.plan(tiny.config(**SETTINGS | {'epochs': 10}), 6).pruning
  assert (found.end_step, found.frequency) == (45, 6) and found.begin_step == 45 - 5 * 6  # Not at step 12, where it was to begin.


@pytest.mark.parametrize(
  ('settings', 'message'),
  [
    ({'sparsity': (0.5, 0.8)}, '--method=gmp trains for one sparsity'),
    ({'prune_begin': 0.7, 'prune_end': 0.7}, r'Gradual pruning takes several events\. Received: one, at step 8; an interval is 1 steps'),
    ({'prune_interval': 0.9}, 'Received: one, at step 9; an interval is 11 steps'),
    ({'prune_depthwise': True}, r'tfmot leaves depthwise convolutions as they are\. Received: --prune_depthwise'),
  ],
)
def test_what_tfmot_cannot_do_is_refused(settings, message):
  with pytest.raises(ConfigError, match=message):
    gradual.plan(tiny.config(**SETTINGS | settings), 6)


def test_the_wrappers_are_tfmot_s_own():
  config = tiny.config(**SETTINGS)
  trainer = gradual.trainer(tiny.task(), config, gradual.plan(config, 6))
  found = collect_prunable_layers(trainer.model)
  assert found and all(type(wrapper) is PruneLowMagnitude for wrapper in found)
  assert {wrapper.pruning_schedule.end_step for wrapper in found} == {9} and {int(wrapper.pruning_step) for wrapper in found} == {0}


def test_every_layer_is_as_sparse_as_was_asked_for(drawn):
  for name, mask in drawn.masks.items():
    assert mask.sum() == max(round(0.5 * mask.size), 1), name
    assert not drawn.weights[name][~mask].any() and drawn.weights[name][mask].all()
  assert drawn.arch == tiny.SPECK


def test_evaluations_leave_the_wrappers_counters_and_masks_alone(speck):
  config = tiny.config(**SETTINGS | {'supernet': str(speck)})
  trainer = gradual.trainer(tiny.task(), config, gradual.plan(config, 6))
  tiny.train(trainer, 4)
  before = trainer.mask, [int(wrapper.pruning_step) for wrapper in collect_prunable_layers(trainer.model)]
  assert before[1][0] == 4
  with trainer.evaluated(tiny.batches(trainer)):
    trainer.scores('validation')
  after = trainer.mask, [int(wrapper.pruning_step) for wrapper in collect_prunable_layers(trainer.model)]
  assert before[1] == after[1] and all((before[0][name] == after[0][name]).all() for name in before[0])


@pytest.mark.slow
def test_an_interrupted_run_goes_on(drawn, speck, tmp_path):
  with tiny.interrupted():
    draw(tmp_path / 'run', speck)
  assert draw(tmp_path / 'run', speck).fingerprint == drawn.fingerprint


@pytest.mark.slow
def test_a_trained_network_may_be_pruned(drawn, speck, tmp_path):
  whole = Ticket(**{name: getattr(drawn, name) for name in drawn.__dataclass_fields__} | {'masks': {}})
  ticket = draw(tmp_path / 'run', speck, whole, learning_rate=1e-12, epochs=1)
  assert ticket.provenance.source == whole.fingerprint and ticket.provenance.training.epochs == 3
  for name, mask in ticket.masks.items():
    np.testing.assert_allclose(ticket.weights[name], np.where(mask, drawn.weights[name], 0), atol=1e-6)
