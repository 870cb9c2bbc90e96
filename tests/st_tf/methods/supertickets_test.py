import numpy as np
import pytest

from st_tf import task as tasks
from st_tf.api.delivery import deliver
from st_tf.methods import supertickets
from st_tf.runs.workdir import Workdir
from tests import tiny

SETTINGS = {'arch': tiny.SPECK, 'epochs': 2, 'sparsity': (0.7,)}
TUNED = {'epochs': 3, 'fine_tune_epochs': 1}


def events(workdir, name: str) -> list[dict]:
  return [row for row in workdir.history.rows() if row['event'] == name]


@pytest.mark.slow
def test_a_run_depends_on_its_seed_and_on_nothing_else(tmp_path):
  prints = [tiny.draw(tmp_path / name, **SETTINGS, seed=seed)[0].fingerprint for name, seed in (('first', 4), ('second', 4), ('other', 5))]
  assert prints[0] == prints[1] != prints[2]


@pytest.fixture(scope='module')
def drawn(tmp_path_factory):
  """(ticket, workdir) of a run with a fine-tuning epoch at its end."""
  return tiny.draw(tmp_path_factory.mktemp('supertickets') / 'run', **SETTINGS | TUNED)


def test_fine_tuning_is_part_of_the_epochs_and_keeps_the_mask(drawn):
  epochs, last = events(drawn[1], 'epoch'), events(drawn[1], 'prune')[-1]
  assert len(epochs) == 3 and last['final'] and last['step'] == round(0.75 * 12)
  assert [row['sparsity'] for row in epochs[1:]] == [last['sparsity']] * 2


def test_a_finished_run_gives_its_ticket_again_without_training(drawn, monkeypatch):
  ticket, workdir = drawn
  monkeypatch.setattr('st_tf.training.trainer.Trainer.train', None)
  again, workdir = tiny.draw(workdir.path, **SETTINGS | TUNED)
  assert again.fingerprint == ticket.fingerprint
  assert len(events(workdir, 'epoch')) == 3 and len(events(workdir, 'ticket')) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
  ('name', 'metric'), [('shapes_segmentation', 'miou'), pytest.param('shapes_keypoints', 'ap', marks=pytest.mark.long)]
)
def test_maps_are_drawn_resumed_and_delivered_like_classes(tmp_path, monkeypatch, name, metric):
  monkeypatch.setattr(f'tasks.{name}.SIZES', {'train': 48, 'validation': 8, 'test': 8})
  task = tasks.load(name, tasks.DataConfig(image_size=32))
  given = {'task': name, 'image_size': 32, 'sparsity': (0.7,), 'target_macs': 0.8, 'epochs': 3, 'minimum_saving': 0.1, **task.settings}
  config = tiny.config(supernet=str(tiny.SUPERNET), **given)
  whole = supertickets.draw(task, config, Workdir(tmp_path / 'whole', config))
  assert whole.cost.zeros == pytest.approx(0.7 * whole.cost.prunable, abs=1) and whole.cost.macs < whole.cost.supernet_macs

  with tiny.interrupted():
    supertickets.draw(task, config, Workdir(tmp_path / 'parts', config))
  workdir = Workdir(tmp_path / 'parts', config)
  assert supertickets.draw(task, config, workdir).fingerprint == whole.fingerprint
  (path,), (ticket,) = list(workdir.tickets()), deliver(list(workdir.tickets()), task, workdir, 8)
  assert metric in ticket.metrics['test'] and ticket.kind == task.semantics['kind']
  assert (path / 'model.tflite').stat().st_size > 1000 and 'prediction' in (path / 'report' / 'index.html').read_text()


@pytest.mark.slow
def test_a_run_that_rounds_at_its_end_resumes_to_the_same_bits_and_keeps_its_zeros(tmp_path):
  given = {'epochs': 2, 'prune_begin': 0.1, 'prune_end': 0.25, 'quantize_begin': 0.25}
  whole, _ = tiny.draw(tmp_path / 'whole', tiny.SPECK, quantize='int8', **given)
  with tiny.interrupted():
    tiny.draw(tmp_path / 'parts', tiny.SPECK, quantize='int8', **given)
  parts, _ = tiny.draw(tmp_path / 'parts', tiny.SPECK, quantize='int8', **given)
  assert parts.fingerprint == whole.fingerprint
  plain, _ = tiny.draw(tmp_path / 'plain', tiny.SPECK, **given)
  assert plain.fingerprint != whole.fingerprint
  for name, kept in whole.masks.items():
    assert np.array_equal(kept, plain.masks[name]), 'the mask is final before'
    assert not whole.weights[name][~kept].any()
