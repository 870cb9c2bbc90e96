"""Whole runs of a tiny network, in this process."""

import dataclasses
import math
import os
import shutil
import signal

import numpy as np
import pytest
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_schedule import PolynomialDecay
import tqdm

from st_tf import command
from st_tf.arch import presets
from st_tf.errors import Interrupted
from st_tf.runs import run as run_module
from st_tf.runs import start
from st_tf.runs.continuing import DivergedError
from st_tf.runs.folder import WorkdirError
from st_tf.runs.history import History
from st_tf.runs.process import Process
from st_tf.runs.run import begin
from st_tf.runs.workdir import Workdir
from st_tf.ticket import Ticket
from st_tf.training.plan import Plan
from st_tf.training.trainer import Trainer
from tests import tiny

SETTINGS = {'target_macs': 0.75, 'sparsity': (0.5, 0.8), 'search_interval': 0.3, 'minimum_saving': 0.1}
SHORT = {'arch': tiny.SPECK, 'epochs': 2, 'sparsity': (0.0, 0.5)}
EPOCH_ROW = {
  *('event', 'epoch', 'step', 'loss', 'train_top1', 'validation', 'sparsity', 'params', 'macs', 'nonzero_params', 'nonzero_macs'),
  *('learning_rate', 'penalty', 'seconds'),
}


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
  """(final ticket, workdir, trainer) of a run that searched and pruned, undisturbed."""
  made = []

  class Seen(Trainer):
    def __init__(self, *args, **kwargs):
      super().__init__(*args, **kwargs)
      made.append(self)

  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(start, 'Trainer', Seen)
    ticket, workdir = tiny.draw(tmp_path_factory.mktemp('finished') / 'run', tiny.SPECK, **SETTINGS)
  return ticket, workdir, made[0]


def rows(workdir, event: str) -> list[dict]:
  return [{name: value for name, value in row.items() if name != 'seconds'} for row in workdir.history.rows() if row['event'] == event]


def test_every_epoch_leaves_its_row(finished):
  _, workdir, _ = finished
  found = [row for row in workdir.history.rows() if row['event'] == 'epoch']
  assert [(row['epoch'], row['step']) for row in found] == [(1, 6), (2, 12), (3, 18), (4, 24)]
  assert all(set(row) == EPOCH_ROW and row['seconds'] > 0 for row in found)
  assert found[-1]['loss'] < found[0]['loss']
  assert all(0 <= row['train_top1'] <= 1 and set(row['validation']) == {'top1', 'loss'} for row in found)


def test_there_is_one_trace_and_one_more_per_shrink(finished):
  _, workdir, trainer = finished
  shrinks = rows(workdir, 'shrink')
  assert shrinks and trainer.traces == 1 + len(shrinks)
  assert [row['macs_after'] for row in shrinks[:-1]] == [row['macs_before'] for row in shrinks[1:]]
  assert all(row['units_after'] < row['units_before'] for row in shrinks)


def test_every_shrink_before_the_last_look_pays(finished):
  _, workdir, _ = finished
  for row in rows(workdir, 'shrink'):
    assert row['step'] in (7, 14)
    assert row['step'] == 14 or row['macs_after'] <= (1 - SETTINGS['minimum_saving']) * row['macs_before']


def test_weights_are_ranked_when_the_schedule_says_and_some_return(finished):
  _, workdir, _ = finished
  found = rows(workdir, 'prune')
  assert [row['step'] for row in found] == [5, 7, 9, 11, 13, 15, 17, 18]
  assert [row['final'] for row in found] == [False] * 7 + [True]
  assert sum(row['returned'] for row in found) > 0


def test_after_the_final_pruning_neither_mask_nor_network_changes(finished):
  _, workdir, _ = finished
  last = rows(workdir, 'prune')[-1]
  after = [row for row in rows(workdir, 'epoch') if row['step'] >= last['step']]
  assert {(row['sparsity'], row['macs'], row['nonzero_macs']) for row in after} == {
    (last['sparsity'], after[0]['macs'], after[0]['nonzero_macs'])
  }
  assert all(row['step'] < last['step'] for row in rows(workdir, 'shrink'))


def test_each_sparsity_has_its_ticket_with_exactly_its_zeros(finished):
  ticket, workdir, _ = finished
  saved = {path.name: Ticket.load(path) for path in workdir.tickets()}
  assert list(saved) == ['sparsity_0.5', 'sparsity_0.8']
  for found, sparsity in zip(saved.values(), SETTINGS['sparsity']):
    zeros = sum(int(np.count_nonzero(found.weights[name] == 0)) for name in found.masks)
    assert zeros == math.floor(sparsity * found.cost.prunable + 1e-9) == found.cost.zeros
    assert found.sparsity == sparsity
  assert saved['sparsity_0.8'].fingerprint == ticket.fingerprint
  assert rows(workdir, 'ticket')[1]['validation'] == ticket.metrics['validation'] == rows(workdir, 'epoch')[-1]['validation']


def test_the_ticket_tells_how_it_was_drawn(finished):
  ticket, workdir, _ = finished
  found = ticket.provenance
  assert found.method == 'supertickets' and found.steps == 24
  assert found.config['target_macs'] == 0.75 and found.config['seed'] == 0
  epochs = sum(row.get('seconds', 0) for row in workdir.history.rows())
  assert 0 <= found.seconds - epochs < epochs and found.training.seconds == found.seconds  # Also the last checkpoint.
  assert set(found.versions) == {'st_tf', 'tensorflow', 'tf-keras', 'tensorflow-model-optimization', 'numpy'}
  assert ticket.cost.macs <= 0.75 * ticket.cost.supernet_macs


def test_units_that_had_to_go_are_told_by_tickets_from_then_on_whatever_became_of_the_log(tmp_path, monkeypatch):
  def one_more(trainer, alive):
    name, units = next((name, units) for name, units in alive.items() if np.count_nonzero(units) > 1)
    return alive | {name: units & (np.arange(units.size) != np.flatnonzero(units)[0])}

  def half_recorded(self, row, record=History.record):
    if row['event'] != 'shrink':
      record(self, row)

  monkeypatch.setattr(run_module, 'trimmed', one_more)
  monkeypatch.setattr(History, 'record', half_recorded)
  ticket, workdir = tiny.draw(tmp_path / 'run', tiny.SPECK, **SETTINGS | {'epochs': 2, 'search_interval': 0.6})
  assert ticket.provenance.trimmed == 1
  assert not Ticket.load(workdir.ticket_path(0.5)).provenance.trimmed, 'it was saved before the search had ended'


def interrupt(monkeypatch, number: signal.Signals, step: int) -> None:
  """Sends this process a signal while it takes training step `step`, counted from 1."""
  original = Trainer.train

  def train(self, *args):
    if self.step == step - 1:
      os.kill(os.getpid(), number)
    return original(self, *args)

  monkeypatch.setattr(Trainer, 'train', train)


@pytest.mark.slow
def test_a_run_interrupted_within_and_at_the_end_of_an_epoch_ends_as_the_undisturbed_one(tmp_path, monkeypatch):
  ticket, workdir = tiny.draw(tmp_path / 'undisturbed', tiny.SPECK, **SETTINGS)
  tmp_path /= 'interrupted'
  before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
  for number, step in ((signal.SIGTERM, 10), (signal.SIGINT, 18)):
    with monkeypatch.context() as patch:
      interrupt(patch, number, step)
      with pytest.raises(Interrupted, match=f'{number.name}: a second call continues from step {step}'):
        tiny.draw(tmp_path, tiny.SPECK, process=Process(again='a second call', stopping=command.stopping), **SETTINGS)
    assert (tmp_path / 'checkpoints' / f'{step:08d}').is_dir()
    assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))
  continued, other = tiny.draw(tmp_path, tiny.SPECK, **SETTINGS)
  assert continued.fingerprint == ticket.fingerprint
  for event in ('epoch', 'prune', 'shrink', 'ticket'):
    assert rows(other, event) == rows(workdir, event)


@pytest.fixture(scope='module')
def short(tmp_path_factory):
  """(workdir of a finished run, what its bars were given, handlers of signals that were set meanwhile)."""
  shown, handlers = [], []

  def bar(batches, title, total, **kwargs):
    shown.append((title, total, kwargs['initial']))
    return tqdm.tqdm(batches, disable=True)

  path = tmp_path_factory.mktemp('short') / 'run'
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(signal, 'signal', lambda *given: handlers.append(given))
    _, workdir = tiny.draw(path, process=Process(bar=bar), **SHORT)
  return workdir, shown, handlers


@pytest.fixture
def copied(short, tmp_path):
  """A finished run's folder that may be changed."""
  return shutil.copytree(short[0].path, tmp_path / 'run')


def test_a_run_leaves_signals_alone_unless_its_process_says_otherwise(short):
  assert not short[2]


def test_progress_is_shown_by_the_process(short):
  assert short[1] == [('epoch 1/2', tiny.STEPS_PER_EPOCH, 0), ('epoch 2/2', tiny.STEPS_PER_EPOCH, 0)]


def test_a_loss_that_is_no_number_stops_with_the_step_and_what_to_try(tmp_path):
  with pytest.raises(DivergedError, match=r'The loss is a finite number\. Received: (nan|inf) at step \d+\. Try a lower --learning_rate'):
    tiny.draw(tmp_path / 'run', tiny.SPECK, epochs=3, learning_rate=1e30, warmup=0.0, optimizer='adamw')


@pytest.mark.parametrize(
  ('place', 'value', 'rule'),
  [(0, np.nan, 'Weights are finite numbers. Received: stem/conv0/kernel'), (-2, 3e38, 'Scores on the validation')],
)
def test_a_network_that_has_diverged_is_not_saved(tmp_path, monkeypatch, place, value, rule):
  def poisoned(self, images, *args):
    self.step += 1
    if self.step == 2 * tiny.STEPS_PER_EPOCH:
      variable = list(self.trainable.values())[place]
      variable.assign(np.full(variable.shape, value))
    return 1.0, np.zeros((len(images), len(tiny.LABELS)))

  with monkeypatch.context() as patch:
    patch.setattr(Trainer, 'train', poisoned)
    with pytest.raises(DivergedError, match=rf'{rule}.* at step 12\..* with --fresh or another --workdir'):
      tiny.draw(tmp_path / 'run', tiny.SPECK, epochs=3, ema_decay=0.0)
  assert [path.name for path in (tmp_path / 'run' / 'checkpoints').iterdir()] == ['00000006']


def test_a_stock_schedule_gives_its_own_curve(speck, tmp_path):
  schedule = PolynomialDecay(0.1, 0.5, begin_step=2, end_step=10, frequency=4)
  config = tiny.config(supernet=str(speck), epochs=2, sparsity=(0.8,), method='supertickets')
  plan = dataclasses.replace(Plan.of(config, tiny.STEPS_PER_EPOCH), pruning=schedule)
  run = begin(tiny.task(), config, plan, Workdir(tmp_path, config))
  for epoch in run.epochs():
    for images, targets in run.batches(epoch):
      run.step(images, targets)
      run.prune()
    run.end_epoch(epoch)
  found = [(row['step'], row['sparsity']) for row in run.workdir.history.rows() if row['event'] == 'prune']
  size = run.trainer.mask.size
  assert found == [(step, pytest.approx(float(schedule(step)[1]), abs=1 / size)) for step in (2, 6, 10)]
  assert run.trainer.final


def test_the_ticket_of_sparsity_zero_is_saved_once(short):
  workdir, _, _ = short
  assert [row['sparsity'] for row in rows(workdir, 'ticket')] == [0.0, 0.5]
  assert Ticket.load(workdir.ticket_path(0.0)).metrics['validation'] == rows(workdir, 'ticket')[0]['validation']


def test_checkpoints_of_other_settings_are_refused(copied):
  (copied / 'config.json').unlink()
  with pytest.raises(WorkdirError, match=r'A run continues with the settings and .* Received: checkpoints of other settings'):
    tiny.draw(copied, **SHORT, optimizer='rmsprop')


@pytest.mark.slow
def test_a_full_disk_at_the_ticket_is_an_error_of_one_line_and_the_run_ends_later(copied, monkeypatch):
  def full(*args):
    raise OSError(28, 'No space left on device')

  shutil.rmtree(copied / 'tickets' / 'sparsity_0.5')
  with monkeypatch.context() as patch:
    patch.setattr(Ticket, 'save', full)
    with pytest.raises(WorkdirError, match=r'A ticket can be written\. Received: .*No space left.* give the same call again'):
      tiny.draw(copied, **SHORT)
  ticket, workdir = tiny.draw(copied, **SHORT)
  assert Ticket.load(workdir.ticket_path(0.5)).fingerprint == ticket.fingerprint
  assert [row['sparsity'] for row in rows(workdir, 'ticket')] == [0.0, 0.5]


def test_a_run_goes_on_with_the_network_and_the_data_it_began_with_only(copied, monkeypatch):
  with monkeypatch.context() as patch:
    patch.setitem(tiny.SIZES, 'validation', 12)
    with pytest.raises(
      WorkdirError,
      match=r"A run continues with .* the data .*\. Received: .*'validation': 24.*now .*'validation': 12",
    ):
      tiny.draw(copied, **SHORT)
  monkeypatch.setattr(presets, 'to_text', lambda arch, original=presets.to_text: original(tiny.ARCH))
  with pytest.raises(WorkdirError, match=r'A workdir belongs to one configuration\. Received: --supernet=.*other contents than it had'):
    tiny.draw(copied, **SHORT)
