"""Exported files say what their ticket says; what would not is refused, and nothing half-written is left."""

import dataclasses
import importlib
import json
import pathlib
import subprocess

import numpy as np
import pytest
import tensorflow as tf

from st_tf import task
from st_tf.errors import UserError
from st_tf.task import TaskError
from st_tf.ticket import Ticket
from tests import tiny
from tflite import export
from tflite.file.described import NAME
from tflite.file.formats import FORMATS
from tflite.file.runner import Runner
from tflite.runtimes import wasm

ROOT = pathlib.Path(__file__).resolve().parents[2]
MEDIAPIPE = ROOT / '.venv' / 'mediapipe' / 'bin' / 'python'

evaluate = importlib.import_module('st_tf.evaluate')


@pytest.fixture
def loaded(shapes, monkeypatch):
  """The task is drawn once."""
  monkeypatch.setattr('st_tf.task.load', lambda name, config: shapes)


def run(folder, *arguments: str) -> None:
  export.main(['export', f'--ticket={folder}', *arguments])


@pytest.mark.parametrize('number_format', FORMATS)
def test_a_file_in_every_format_is_verified_scored_and_described(
  speck_ticket, speck_folder, shapes, loaded, tmp_path, capsys, monkeypatch, number_format
):
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  path = tmp_path / 'model.tflite'
  run(speck_folder, f'--format={number_format}', f'--out={path}')
  shown, facts = capsys.readouterr().out, json.loads(path.with_name('model.export.json').read_text())
  assert str(path) in shown and 'norms folded' in shown and 'storage  dense, since ' in shown
  assert facts['bytes'] == path.stat().st_size > facts['gzipped'] > 0 and facts['bytes'] > facts['lower_bound']
  assert facts['ticket'] == speck_ticket.fingerprint and not facts['sparse'] and facts['sparse_verified'] is None
  assert NAME.encode() in path.read_bytes()
  images = next(iter(shapes.dataset('validation', 8).as_numpy_iterator()))[0]
  expected = speck_ticket.build_model(raw=True)(images, training=False).numpy()
  pixels = images * np.float32(shapes.deviation) + np.float32(shapes.mean)
  error = np.abs(Runner.load(path)(pixels) - expected).max() / np.abs(expected).max()
  assert error < {'float32': 1e-5, 'float16': 1e-2, 'int8': 0.3}[number_format]
  if number_format == 'float32':
    np.testing.assert_allclose(speck_ticket.build_model()(pixels, training=False), Runner.load(path)(pixels), rtol=1e-4, atol=1e-4)
  evaluate.main(['evaluate', f'--model={path}', '--task=shapes', '--split=validation', '--json'])
  assert json.loads(capsys.readouterr().out)['scores']['top1'] == pytest.approx(facts['validation']['top1'])


def test_sparse_without_a_runtime_that_could_tell_is_written_with_a_warning(speck_folder, loaded, tmp_path, capsys, monkeypatch):
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  run(speck_folder, '--sparse=always', f'--out={tmp_path / "model.tflite"}')
  found = capsys.readouterr()
  assert '\nwarning: sparse, as --sparse=always asks for; not seen to run sparsely\n' in found.err
  assert '\ntime     not measured. No browser in this test.\n' in found.out
  stages = [line.split()[0] for line in found.err.splitlines() if line.endswith('.')][:5]
  assert stages == ['Reading', 'Converting', 'Comparing', 'Scoring', 'Scoring']
  assert json.loads((tmp_path / 'model.export.json').read_text())['sparse_verified'] is False


@pytest.mark.slow
def test_a_network_with_a_transformer_is_exported_as_trained(tmp_path, monkeypatch):
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  ticket, _ = tiny.draw(tmp_path / 'run', dataclasses.replace(tiny.SPECK, tokens=2), epochs=1, method='dense')
  facts = export.export(ticket, tiny.task(), export.Options(ticket='x', out=str(tmp_path / 'model.tflite')))
  assert facts.graph.startswith('as trained. A deployment graph consists of') and facts.largest_difference < 1e-4


def test_images_are_normalised_as_the_ticket_was_trained_not_as_its_task_does_today(speck_ticket, shapes, tmp_path, monkeypatch):
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  other = dataclasses.replace(speck_ticket, task=dataclasses.replace(speck_ticket.task, mean=(0.2, 0.3, 0.4), deviation=(0.5, 0.6, 0.7)))
  built, build_model = [], Ticket.build_model
  monkeypatch.setattr(Ticket, 'build_model', lambda self, raw=False: built.append(raw) or build_model(self, raw))
  facts = export.export(other, shapes, export.Options(ticket='x', out=str(tmp_path / 'model.tflite')))
  assert built == [True]
  images = next(iter(shapes.dataset('validation', shapes.sizes['validation']).as_numpy_iterator()))
  pixels = images[0] * np.float32(shapes.deviation) + np.float32(shapes.mean)
  outputs = other.build_model(raw=True)(((pixels - [0.2, 0.3, 0.4]) / [0.5, 0.6, 0.7]).astype(np.float32), training=False).numpy()
  assert facts.ticket_validation['top1'] == pytest.approx(np.mean(outputs.argmax(-1) == images[1].argmax(-1)), abs=0.005)


@pytest.mark.slow
@pytest.mark.skipif(not MEDIAPIPE.is_file(), reason='no MediaPipe here: make mediapipe')
@pytest.mark.parametrize('number_format', ['float32', 'float16'])
def test_mediapipe_tasks_take_the_file_as_it_is_and_agree_on_real_images(
  tiny_ticket, ticket_folder, loaded, data_dir, tmp_path, monkeypatch, number_format
):
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  run(ticket_folder, f'--format={number_format}', f'--out={tmp_path / "model.tflite"}')
  monkeypatch.undo()
  real = task.load('cifar100', task.DataConfig(data_dir=str(data_dir / 'tfds'), train_examples=100))
  images = next(iter(real.dataset('test', 250).as_numpy_iterator()))[0]
  pixels = np.rint(255 * (images * np.float32(real.deviation) + np.float32(real.mean))).astype(np.uint8)
  np.save(tmp_path / 'images.npy', pixels)
  command = [MEDIAPIPE, ROOT / 'tests' / 'mediapipe_driver.py', 'classify', tmp_path / 'model.tflite', tmp_path / 'images.npy']
  found = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=tmp_path)
  assert found.returncode == 0, found.stderr
  normalised = (pixels / 255 - tiny_ticket.task.mean) / tiny_ticket.task.deviation
  best = tiny_ticket.build_model(raw=True)(normalised.astype(np.float32), training=False).numpy().argmax(-1)
  said = [label for label, _ in json.loads(found.stdout.splitlines()[-1])]
  assert len(set(said)) > 1, 'the images are told apart'
  agreed = np.mean([label == tiny_ticket.task.labels[index] for label, index in zip(said, best, strict=True)])
  assert agreed >= 0.99


@pytest.fixture(scope='module')
def maps():
  """(a ticket for `shapes_segmentation`, never trained, its task)."""
  return tiny.map_ticket('shapes_segmentation', tiny.SPECK_MAPS, seed=4)  # No two labels of a place are nearly alike.


@pytest.mark.parametrize('number_format', FORMATS)
def test_a_map_in_every_format_scores_as_its_ticket(maps, tmp_path, capsys, monkeypatch, number_format):
  ticket, found = maps
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  monkeypatch.setattr('st_tf.task.load', lambda name, config: found)
  path = tmp_path / 'model.tflite'
  facts = export.export(ticket, found, export.Options(ticket='x', format=number_format, out=str(path)))
  assert facts.repeats == 2 and 'each pixel of the map comes four times' in facts.graph and b'masks' in path.read_bytes()
  evaluate.main(['evaluate', f'--model={path}', '--task=shapes_segmentation', '--split=validation', '--json'])
  assert json.loads(capsys.readouterr().out)['scores']['miou'] == pytest.approx(facts.validation['miou'], abs=1e-9)


@pytest.mark.parametrize('name', [pytest.param('shapes_segmentation', marks=pytest.mark.slow), 'shapes_keypoints'])
def test_a_ticket_of_maps_and_its_file_score_alike(tmp_path, capsys, monkeypatch, name):
  ticket, found = tiny.map_ticket(name, tiny.SPECK_MAPS)
  ticket.save(tmp_path / 'ticket')
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  monkeypatch.setattr('st_tf.task.load', lambda name, config: found)
  export.export(ticket, found, export.Options(ticket='x', out=str(tmp_path / 'model.tflite')))
  scores = []
  for network in (f'--ticket={tmp_path / "ticket"}', f'--model={tmp_path / "model.tflite"}'):
    evaluate.main(['evaluate', network, f'--task={name}', '--json'])
    scores.append(json.loads(capsys.readouterr().out)['scores'])
  assert scores[0].keys() == scores[1].keys() and found.primary_metric in scores[0]
  for metric, value in scores[0].items():
    assert scores[1][metric] == pytest.approx(value, abs=1e-3), metric


@pytest.mark.slow
@pytest.mark.skipif(not MEDIAPIPE.is_file(), reason='no MediaPipe here: make mediapipe')
def test_mediapipe_segments_as_the_ticket_does(maps, tmp_path, monkeypatch):
  ticket, found = maps
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  export.export(ticket, found, export.Options(ticket='x', out=str(tmp_path / 'model.tflite')))
  images = next(found.dataset('test', 20).as_numpy_iterator())[0]
  pixels = np.rint(255 * (images * np.float32(found.deviation) + np.float32(found.mean))).astype(np.uint8)
  np.save(tmp_path / 'images.npy', pixels)
  names = (tmp_path / name for name in ('model.tflite', 'images.npy', 'masks.npy'))
  command = [MEDIAPIPE, ROOT / 'tests' / 'mediapipe_driver.py', 'segment', *names]
  ran = subprocess.run(command, capture_output=True, text=True, timeout=280, cwd=tmp_path)
  assert ran.returncode == 0, ran.stderr
  assert json.loads(ran.stdout.splitlines()[-1]) == list(found.labels)
  maps = Runner.load(tmp_path / 'model.tflite')(pixels / np.float32(255))
  # MediaPipe enlarges maps with their corners on those of the image.
  enlarged = tf.compat.v1.image.resize_bilinear(maps, pixels.shape[1:3], align_corners=True).numpy()
  expected, seen = enlarged.argmax(-1), np.load(tmp_path / 'masks.npy')
  assert len(np.unique(expected)) > 1 and (seen == expected).mean() > 0.99


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ([], r'--ticket is needed'),
    (['--ticket=x', '--format=int4'], r'--format'),
    (['--ticket=x', '--format=int8', '--sparse=always'], r'int8 is stored dense.*Leave it out'),
    (['--ticket=x', '--samples=0'], r'--samples is at least 1'),
    (['--ticket=x'], r'A ticket is a folder with ticket\.json\. Received: x'),
    (['--ticket=x', '--out=there.tflite'], r'A ticket is a folder with ticket\.json\. Received: x'),
  ],
)
def test_what_cannot_be_exported_is_said(arguments, message, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'there.tflite').write_bytes(b'mine')
  with pytest.raises(UserError, match=message):
    export.main(['export', *arguments])
  assert [entry.name for entry in tmp_path.iterdir()] == ['there.tflite'] and (tmp_path / 'there.tflite').read_bytes() == b'mine'


@pytest.mark.parametrize(
  ('out', 'message'),
  [
    ('nowhere/model.tflite', r'existing folder\. Received: nowhere/model\.tflite\. Create nowhere first'),
    ('there.tflite', r'An export overwrites nothing\. Received: there\.tflite, which exists'),
    ('model.tflite', r'An export overwrites nothing\. Received: model\.export\.json, which exists\. .* or remove it'),
    ('two.tflite', r'Received: two\.tflite and two\.export\.json, which exist\. .* or remove both'),
    ('ticket.json', r'--out is a \.tflite file\. Received: ticket\.json'),
  ],
)
def test_nothing_is_overwritten(speck_folder, out, message, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for name in ('there.tflite', 'model.export.json', 'ticket.json', 'two.tflite', 'two.export.json'):
    (tmp_path / name).write_text('mine')
  with pytest.raises(UserError, match=message):
    run(speck_folder, f'--out={out}')
  assert {entry.read_text() for entry in tmp_path.iterdir()} == {'mine'} and len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize(
  ('broken', 'message'),
  [
    ('tflite.convert.difference', r'gives the outputs of its ticket to 0\.0001 of the largest\. Received: 0\.5'),
    ('tflite.file.runner.Runner.__call__', r'loses at most 0\.1% of top1\. Received: .*where the ticket has'),
  ],
)
def test_a_file_that_differs_is_not_written(speck_folder, loaded, tmp_path, monkeypatch, broken, message):
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  if broken.endswith('difference'):
    monkeypatch.setattr(broken, lambda *arguments: 0.5)
  else:
    monkeypatch.setattr('tflite.convert.difference', lambda *arguments: 0.0)
    monkeypatch.setattr(broken, lambda self, images: np.tile(np.eye(10, dtype=np.float32)[3], (len(images), 1)))
  with pytest.raises(UserError, match=message):
    run(speck_folder, f'--out={tmp_path / "model.tflite"}')
  assert not list(tmp_path.iterdir())


def test_int8_without_the_task_s_data_is_no_int8_file(speck_folder, tmp_path, monkeypatch):
  def missing(ticket, given, named):
    raise TaskError('The data is on the disk or can be downloaded. Received: nothing.')

  monkeypatch.setattr('st_tf.ticket.task_of.task_of', missing)
  with pytest.raises(TaskError, match='The data is on the disk'):
    export.main(['export', f'--ticket={speck_folder}', '--format=int8', f'--out={tmp_path}/model.tflite'])
  assert not list(tmp_path.iterdir())


def test_a_second_format_is_shown_beside_the_first(speck_folder, loaded, tmp_path, capsys, monkeypatch):
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  run(speck_folder, f'--out={tmp_path / "whole.tflite"}')
  assert 'files of this ticket' not in capsys.readouterr().out
  run(speck_folder, '--format=float16', f'--out={tmp_path / "half.tflite"}')
  head, *rows = capsys.readouterr().out.partition('files of this ticket')[2].strip().splitlines()
  assert head.startswith('format') and {row.split()[0] for row in rows} == {'float32', 'float16'}
