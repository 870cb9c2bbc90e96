import dataclasses
import types

import numpy as np
import pytest

from st_tf import files
from st_tf.api import delivery
from st_tf.errors import UserError
from st_tf.report import model_card, verdict
from st_tf.runs.cutting import cut
from st_tf.runs.workdir import Workdir
from st_tf.task import mistakes
from st_tf.task.scoring import score
from st_tf.ticket import Provenance, Ticket, TicketError
from tests import tiny
from tflite import exports
from tflite.file.formats import Format
from tflite.file.runner import Runner

SCORES = {'validation', 'test', 'per_class', 'confusion', 'baselines', 'baseline_intervals'}


@pytest.fixture(scope='module')
def delivered(tmp_path_factory):
  """(workdir, what `deliver` returned) of two untrained tickets."""
  trainer = tiny.trainer(tiny.SPECK)
  workdir = Workdir(tmp_path_factory.mktemp('delivered'), trainer.config)
  origin = Provenance(method='supertickets', config=trainer.config.flat(), seconds=1.0)
  for sparsity in (0.5, 0.8):
    with trainer.pruned_for_now(sparsity):
      ticket = cut(trainer, list(tiny.batches(trainer))[:1], sparsity, origin)
    ticket.save(workdir.ticket_path(sparsity))
  scores = ticket.metrics['validation']
  workdir.history.record({'event': 'ticket', 'step': 1, 'epoch': 1, 'sparsity': 0.5, 'validation': scores, 'nonzero_macs': 10})
  return workdir, delivery.deliver(list(workdir.tickets()), tiny.task(), workdir, 10)


def test_every_ticket_gets_its_test_scores_its_model_and_its_report(delivered):
  workdir, tickets = delivered
  for path, ticket in zip(workdir.tickets(), tickets, strict=True):
    saved = Ticket.load(path)
    assert saved.metrics == ticket.metrics and set(saved.metrics) == SCORES
    assert set(saved.metrics['per_class']) == set(tiny.LABELS)
    assert set(saved.metrics['baseline_intervals']['test']) == set(saved.metrics['baselines']['test']) - {'chance'} != set()
    assert (path / 'model.tflite').stat().st_size > 1000
    assert '<html' in (path / 'report' / 'index.html').read_text()
    assert '## Scores' in (path / 'README.md').read_text()


def test_wrong_test_pictures_are_listed_in_the_report_where_they_have_names(delivered, tmp_path, monkeypatch):
  workdir, tickets = delivered
  assert not (workdir.tickets()[0] / 'report' / 'wrong.csv').exists(), 'pictures in memory have no names'
  task = tiny.task()
  monkeypatch.setattr(task, 'names', lambda split: [f'/home/me/photos/{split}/<b>{index}.jpg' for index in range(24)])
  dataclasses.replace(tickets[0], metrics={'validation': tickets[0].metrics['validation']}).save(tmp_path / 'ticket')
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(delivery, 'convert', lambda *args, **settings: (tmp_path / 'ticket' / 'model.tflite').write_bytes(b'x'))
    delivery.deliver([tmp_path / 'ticket'], task, workdir, 10, types.SimpleNamespace(scores=lambda split: {}, intervals=lambda split: {}))
  listed = mistakes.read(tmp_path / 'ticket' / 'report' / 'wrong.csv')
  assert len(listed) == round(24 * (1 - tickets[0].metrics['test']['top1'])) > 0 and listed[0].picture.startswith('photos/test/<b>')
  page = (tmp_path / 'ticket' / 'report' / 'index.html').read_text()
  assert '<h2>Wrong answers</h2>' in page and f'<summary>{len(listed)} pictures</summary>' in page and 'photos/test/&lt;b&gt;' in page


def test_the_scores_and_the_file_are_the_model_s(delivered):
  workdir, tickets = delivered
  path, task = workdir.tickets()[0], tiny.task()
  model = tickets[0].build_model(raw=True)
  assert tickets[0].metrics['test'] == score(lambda images: model(images, training=False).numpy(), task, 'test', 24).result()
  images = next(task.dataset('test', 4).as_numpy_iterator())[0]
  np.testing.assert_allclose(Runner.load(path / 'model.tflite')(images), model(images, training=False), atol=1e-4)


def test_what_is_done_is_not_done_again(delivered, monkeypatch):
  workdir, tickets = delivered
  for step in ('score', 'convert'):
    monkeypatch.setattr(delivery, step, None)
  again = delivery.deliver(list(workdir.tickets()), tiny.task(), workdir, 10)
  assert [ticket.fingerprint for ticket in again] == [ticket.fingerprint for ticket in tickets]


def counted(monkeypatch) -> list[bool]:
  """One entry for each network of a ticket that is built from now on."""
  built, build_model = [], Ticket.build_model
  monkeypatch.setattr(Ticket, 'build_model', lambda self, raw=False: built.append(raw) or build_model(self, raw))
  return built


def test_the_size_of_a_ticket_s_file_costs_no_second_network(delivered, monkeypatch):
  workdir, tickets = delivered
  built, path = counted(monkeypatch), workdir.tickets()[0]
  dataclasses.replace(tickets[0], metrics={'validation': tickets[0].metrics['validation']}).save(path)
  ticket = delivery.scored(path, tiny.task(), 10)
  assert ticket.metrics == Ticket.load(path).metrics == tickets[0].metrics
  assert 0 < delivery.stored_bytes(ticket) < (path / 'model.tflite').stat().st_size and built == [True]


def test_a_model_that_is_missing_is_made_without_scoring_again(delivered, monkeypatch):
  workdir, _ = delivered
  monkeypatch.setattr(delivery, 'score', None)
  model, images = workdir.tickets()[0] / 'model.tflite', next(tiny.task().dataset('test', 4).as_numpy_iterator())[0]
  outputs = Runner.load(model)(images)
  model.unlink()
  built = counted(monkeypatch)
  delivery.deliver(list(workdir.tickets()), tiny.task(), workdir, 10)
  assert built == [True] * len(workdir.tickets())
  assert np.array_equal(Runner.load(model)(images), outputs)


def test_a_full_disk_is_an_error_of_one_line_and_the_ticket_stays(delivered, monkeypatch):
  workdir, tickets = delivered
  path = workdir.tickets()[0]
  dataclasses.replace(tickets[0], metrics={'validation': tickets[0].metrics['validation']}).save(path)

  def full(*args):
    raise OSError(28, 'No space left on device')

  with monkeypatch.context() as patch:
    patch.setattr(files, 'write_text', full)
    with pytest.raises(TicketError, match=r'A ticket can be written\. Received: .*No space left.* give the same command again'):
      delivery.deliver([path], tiny.task(), workdir, 10)
  assert Ticket.load(path).fingerprint == tickets[0].fingerprint
  assert 'test' in delivery.deliver([path], tiny.task(), workdir, 10)[0].metrics


@pytest.fixture
def rounded(delivered, tmp_path):
  """(workdir, path of a scored ticket whose training saw int8)."""
  workdir, tickets = delivered
  origin = tickets[0].provenance
  seen = dataclasses.replace(origin, config=origin.config | {'quantize': 'int8'})
  dataclasses.replace(tickets[0], provenance=seen).save(tmp_path)
  return workdir, tmp_path


def test_a_ticket_whose_training_saw_int8_gets_its_int8_file_once(rounded, monkeypatch):
  workdir, path = rounded
  monkeypatch.setattr('tflite.runtimes.wasm.missing', lambda: 'No browser in this test.')
  monkeypatch.setattr('tflite.export.FORMATS', {'int8': Format('int8', 0.3, 1.0, False)})  # Untrained, it may lose any score.
  exports.facts_path(path / 'model_int8.tflite').write_text('left by a process that ended here')
  delivery.deliver([path], tiny.task(), workdir, 10)
  content, facts = (path / 'model_int8.tflite').read_bytes(), exports.beside(path, Ticket.load(path).fingerprint)
  assert [entry['format'] for entry in facts] == ['int8'] and facts[0]['bytes'] == len(content)
  page = (path / 'report' / 'index.html').read_text()
  assert 'It is not written yet' not in page and 'model_int8.tflite' in page
  monkeypatch.setattr('tflite.export.export', None)
  delivery.deliver([path], tiny.task(), workdir, 10)
  assert (path / 'model_int8.tflite').read_bytes() == content


def test_an_int8_file_that_cannot_be_is_told_and_the_rest_is_there(rounded, monkeypatch, capsys):
  def fails(ticket, task, options):
    raise UserError('A int8 file loses at most 3.0% of top1. Received: 10.0%.')

  workdir, path = rounded
  monkeypatch.setattr('tflite.export.export', fails)
  delivery.deliver([path], tiny.task(), workdir, 10)
  assert 'warning: no int8 file was written. A int8 file loses at most 3.0%' in capsys.readouterr().err
  assert (path / 'model.tflite').is_file() and 'It is not written yet' in (path / 'report' / 'index.html').read_text()


@pytest.mark.parametrize('name', ['shapes_segmentation', 'shapes_keypoints'])
def test_scores_of_maps_have_intervals_from_their_pictures_and_the_model_card_shows_them(name, tmp_path):
  ticket, task = tiny.map_ticket(name, tiny.SPECK_MAPS)
  dataclasses.replace(ticket, provenance=dataclasses.replace(ticket.provenance, examples=dict(task.sizes))).save(tmp_path)
  found = delivery.scored(tmp_path, task, 10, types.SimpleNamespace(scores=lambda split: {'chance': 0.0}, intervals=lambda split: {}))
  assert set(found.metrics['intervals']) == {'validation', 'test'} and Ticket.load(tmp_path).metrics == found.metrics
  for split, ends in found.metrics['intervals'].items():
    assert 0 <= ends['low'] <= found.metrics[split][task.primary_metric] <= ends['high'] < 0.6
  low, high = (f'{100 * found.metrics["intervals"]["test"][end]:.1f}' for end in ('low', 'high'))
  assert f' | {low} to {high}% | 20 | ' in model_card.text(found)
  assert verdict.range_of(found, 'test') == f'95% interval {low} to {high}% by drawing pictures anew, 20 examples'
