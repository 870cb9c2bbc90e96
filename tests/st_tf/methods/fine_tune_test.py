import dataclasses
import shutil

import numpy as np
import pytest

from st_tf.api import drawing, dry_run
from st_tf.config import ConfigError
from st_tf.methods import fine_tune
from st_tf.pruning import Constant
from st_tf.pruning.ranking import RankingError
from st_tf.runs.cutting import cut
from st_tf.runs.folder import WorkdirError
from st_tf.runs.workdir import Workdir
from st_tf.ticket import Provenance, Ticket, TicketError
from st_tf.training.descent import Part
from st_tf.training.trainer import Trainer
from tests import tiny


@pytest.fixture(scope='module')
def source(searched):
  """A ticket that was saved on the way to a higher sparsity, and its folder."""
  folder = searched / 'sparsity_0.5'
  return Ticket.load(folder), folder


def configured(folder, **changes):
  return tiny.config(**{'method': 'fine_tune', 'init_from': str(folder), 'epochs': 2, 'prune_depthwise': True} | changes)


def test_architecture_and_mask_stay_and_the_weights_learn(source, tmp_path):
  ticket, folder = source
  config = configured(folder)
  tuned = fine_tune.draw(tiny.task(), config, Workdir(tmp_path / 'run', config))
  assert tuned.arch == ticket.arch and tuned.sparsity == ticket.sparsity == 0.5
  assert set(tuned.masks) == set(ticket.masks)
  for name, mask in ticket.masks.items():
    np.testing.assert_array_equal(tuned.masks[name], mask)
    assert not tuned.weights[name][~mask].any() and (tuned.weights[name][mask] != ticket.weights[name][mask]).any()
  assert tuned.survivors == ticket.survivors and tuned.supernet == ticket.supernet != tuned.arch
  assert tuned.provenance.source == ticket.fingerprint and tuned.provenance.config['sparsity'] == (0.5,)
  assert {name: value for name, value in tuned.cost.to_json().items() if name.startswith('supernet')} == {
    name: value for name, value in ticket.cost.to_json().items() if name.startswith('supernet')
  }
  assert tuned.cost.macs == ticket.cost.macs and tuned.cost.nonzero_macs == ticket.cost.nonzero_macs


def test_with_no_learning_rate_to_speak_of_it_stays_what_it_was(source, tmp_path):
  ticket, folder = source
  config = configured(folder, epochs=1, learning_rate=1e-12, weight_decay=0.0)
  tuned = fine_tune.draw(tiny.task(), config, Workdir(tmp_path / 'run', config))
  for name in ticket.masks:
    np.testing.assert_allclose(tuned.weights[name], ticket.weights[name], atol=1e-6)


@pytest.mark.slow
def test_the_command_delivers_the_ticket_under_its_own_sparsity_and_an_interrupted_run_goes_on_under_its_mask(source, tmp_path):
  _, folder = source
  config = configured(folder)
  whole, parts = Workdir(tmp_path / 'whole', config), Workdir(tmp_path / 'parts', config)
  fine_tune.draw(tiny.task(), config, whole)
  with tiny.interrupted():
    fine_tune.draw(tiny.task(), config, parts)
  assert drawing.draw_into(tiny.task(), config, Workdir(tmp_path / 'parts', config))
  tickets = [Ticket.load(tmp_path / name / 'tickets' / 'sparsity_0.5') for name in ('whole', 'parts')]
  assert tickets[0].fingerprint == tickets[1].fingerprint and 'test' in tickets[1].metrics


def test_a_ticket_is_needed(tmp_path):
  with pytest.raises(ConfigError, match=r'--method=fine_tune trains a ticket\. Received: no --init_from'):
    fine_tune.plan(tiny.config(method='fine_tune'), tiny.STEPS_PER_EPOCH)
  with pytest.raises(TicketError, match='A ticket is a folder with ticket.json'):
    fine_tune.plan(configured(tmp_path / 'gone'), tiny.STEPS_PER_EPOCH)


def test_what_is_pruned_is_what_the_mask_covers_whatever_the_settings_say(source, tmp_path):
  ticket, folder = source
  assert any(name.endswith('depthwise_kernel') for name in ticket.masks)
  config = configured(folder, epochs=1, prune_depthwise=False, prune_stem=True, prune_classifier=True)
  assert list(dry_run.describe(tiny.task(), config, tmp_path / 'run'))
  tuned = fine_tune.draw(tiny.task(), config, Workdir(tmp_path / 'run', config))
  assert {name: int(mask.sum()) for name, mask in tuned.masks.items()} == {name: int(mask.sum()) for name, mask in ticket.masks.items()}


def test_a_mask_of_other_outputs_is_refused(tmp_path):
  trainer = tiny.trainer(tiny.SPECK, pruned=True, searching=False, prune_classifier=True)
  trainer.prune(0.5, final=True)
  cut(trainer, (), 0.5, Provenance(method='supertickets')).save(tmp_path / 'ticket')
  config = configured(tmp_path / 'ticket')
  task = tiny.task()
  task.head = dataclasses.replace(task.head, outputs=task.head.outputs + 1)
  with pytest.raises(
    RankingError, match=r'in their shapes\. Received: \(.*\) for head/classifier/kernel, which is \(.*Take a task with as many'
  ):
    fine_tune.draw(task, config, Workdir(tmp_path / 'tuned', config))


@pytest.mark.slow
@pytest.mark.long
def test_a_finished_run_is_delivered_again_without_its_source(source, tmp_path):
  shutil.copytree(source[1], tmp_path / 'ticket')
  config = configured(tmp_path / 'ticket', epochs=1)
  assert drawing.draw_into(tiny.task(), config, Workdir(tmp_path / 'run', config))
  shutil.rmtree(tmp_path / 'ticket')
  config = configured(tmp_path / 'ticket', epochs=1)  # As the next process reads them.
  assert drawing.draw_into(tiny.task(), config, Workdir(tmp_path / 'run', config))


def test_the_supernet_costs_what_it_costs_at_the_new_size(source):
  ticket, _ = source
  larger = tiny.task()
  larger.image_size = (2 * tiny.SIDE, 2 * tiny.SIDE)
  trainer = Trainer(ticket.arch, larger, tiny.config(prune_depthwise=True), Constant(0.5, 99, 99, 1), searching=False)
  trainer.descend(Part.whole(ticket))
  assert trainer.initial['macs'] > 3 * ticket.cost.supernet_macs and trainer.initial['params'] == ticket.cost.supernet_params


def test_a_ticket_that_keeps_everything_can_be_tuned(searched, tmp_path):
  config = configured(searched / 'sparsity_0', epochs=1)
  assert fine_tune.draw(tiny.task(), config, Workdir(tmp_path / 'tuned', config)).sparsity == 0.0


@pytest.mark.slow
def test_a_run_does_not_continue_with_another_ticket_in_the_place_of_its_own(source, tmp_path):
  ticket, folder = source
  shutil.copytree(folder, tmp_path / 'ticket')
  config = configured(tmp_path / 'ticket')
  with tiny.interrupted():
    fine_tune.draw(tiny.task(), config, Workdir(tmp_path / 'run', config))
  shutil.rmtree(tmp_path / 'ticket')
  other = {name: value * 1.01 for name, value in ticket.weights.items()}
  dataclasses.replace(ticket, weights=other).save(tmp_path / 'ticket')
  config = configured(tmp_path / 'ticket')  # As the next process reads them.
  with pytest.raises(WorkdirError, match=r'belongs to one configuration\. Received: --init_from=.*ticket \(other contents than it had\)'):
    fine_tune.draw(tiny.task(), config, Workdir(tmp_path / 'run', config))
