"""Disks that are full, and folders that nobody can write to: one message, nothing half written, nothing lost."""

import importlib
import os
import re

import numpy as np
from PIL import Image
import pytest

from st_tf import predict
from st_tf.api import drawing
from st_tf.config.request import Request
from st_tf.errors import UserError
from st_tf.models import keras_files
from st_tf.runs.workdir import Workdir
from st_tf.ticket import Ticket
from tests import tiny
from tests.faults import disks
from tflite import export

evaluate = importlib.import_module('st_tf.evaluate')  # The package has a function of that name.
SETTINGS = tiny.SETTINGS | {'supernet': str(tiny.SPECK_SUPERNET), 'epochs': 2, 'sparsity': (0.5,)}
# Bytes for a run that takes 300,000: for nothing, its settings, a checkpoint, two, its ticket, its model and half of its report.
ROOMS = (0, 12_000, 50_000, 90_000, 130_000, 180_000)
TASK = '--task=module:tests.tiny'


def drawn(path):
  """The ticket of a whole run, with its scores, its model and its report."""
  task, config = drawing.prepared(Request.of(SETTINGS), tiny.task())
  workdir = Workdir(path, config)
  try:
    (folder,) = drawing.draw_into(task, config, workdir)
  finally:
    workdir.close()
  return Ticket.load(folder)


def names(folder):
  """All that is in a folder."""
  return sorted(path.relative_to(folder).as_posix() for path in folder.rglob('*'))


@pytest.fixture
def disk(tmp_path):
  with disks.mounted(tmp_path / 'disk', 4_000_000) as found:
    yield found


@pytest.fixture(scope='module')
def ticket():
  return tiny.untrained(tiny.task())


@pytest.fixture
def picture(tmp_path):
  path = tmp_path / 'picture.png'
  Image.fromarray(np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)).save(path)
  return path


@pytest.mark.slow
def test_a_run_on_a_disk_that_is_full_again_and_again_ends_in_the_ticket_of_the_undisturbed_one(disk, tmp_path, capsys):
  expected, told = drawn(tmp_path / 'run'), []
  for room in ROOMS:
    with disks.full(disk, room):
      try:
        drawn(disk / 'run')  # What was kept before takes no more room.
      except UserError as error:
        told.append(str(error))
    assert not [name for name in names(disk) if 'unfinished' in name]
  assert len(told) >= 4 and all(re.search(r'Received: .*No space left on device.*(Make|Free).*again', said) for said in told), told
  assert not [said for said in told if '\n' in said]
  found = drawn(disk / 'run')
  assert (found.fingerprint, found.metrics) == (expected.fingerprint, expected.metrics)
  assert [name for name in names(disk / 'run') if 'events' not in name] == [
    name for name in names(tmp_path / 'run') if 'events' not in name
  ]
  said = capsys.readouterr().err
  assert 'warning: no checkpoint at step 6' in said and '{{' not in said
  assert '--workdir has room' in told[0] and 'A ticket can be written' in told[-1]


@pytest.mark.parametrize('room', [0, 8192])
def test_an_export_to_a_full_disk_leaves_nothing(ticket, disk, room):
  options = export.Options(ticket='x', format='float16', sparse='never', out=str(disk / 'model.tflite'))
  with disks.full(disk, room), pytest.raises(UserError, match=r'A \.tflite file is written to .*No space left on device\. Free some space'):
    export.export(ticket, tiny.task(), options)
  assert not names(disk)


def test_models_for_keras_on_a_full_disk_leave_the_old_ones(ticket, disk):
  calls = {'a.keras': ticket.save_keras, 'b.h5': ticket.save_keras, 'c.keras': lambda path: ticket.save_keras(path, version=3)}
  for name, save in calls.items():
    (disk / name).write_bytes(b'old')
    with disks.full(disk, 4096), pytest.raises(UserError, match=r'A model is written into a folder that has room for it\. Received: '):
      save(disk / name)
    assert (disk / name).read_bytes() == b'old'
  assert names(disk) == sorted(calls)


@pytest.mark.parametrize('name', ['seen.csv', 'seen.json', 'seen.png', 'seen.bmp'])
def test_answers_on_a_full_disk_leave_the_old_ones(disk, name):
  seen, path = [('picture.png', [('red', 0.5), ('blue', 0.5)])] * 300, disk / name
  path.write_bytes(b'old')
  pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
  write = (
    (lambda: predict.write_table(seen, 2, str(path))) if predict.Options(out=name).is_table else (lambda: predict.save(pixels, str(path)))
  )
  with disks.full(disk, 4096), pytest.raises(UserError, match=r'--out is .* that can be written\. Received: .*No space left'):
    write()
  assert path.read_bytes() == b'old' and names(disk) == [name]


def test_whatever_is_to_be_written_into_a_folder_that_is_read_only_is_refused_in_one_message(ticket, disk, picture):
  ticket.save(disk / 'ticket')
  (disk / 'out').mkdir()
  before = names(disk)
  calls = {
    'run': lambda: drawn(disk / 'run'),
    'export': lambda: export.main(['export', f'--ticket={disk / "ticket"}', TASK, '--format=float16', '--sparse=never']),
    'table': lambda: predict.main(['predict', f'--ticket={disk / "ticket"}', str(picture), f'--out={disk / "out" / "seen.csv"}']),
    'wrong': lambda: evaluate.main(['evaluate', f'--ticket={disk / "ticket"}', TASK, f'--wrong={disk / "out" / "wrong.csv"}']),
    'keras': lambda: ticket.save_keras(disk / 'model.keras'),
    'drawing': lambda: predict.save(np.zeros((4, 4, 3), np.uint8), str(disk / 'seen.png')),
  }
  with disks.read_only(disk):
    for name, call in calls.items():
      with pytest.raises(UserError, match=r'Received: .*[Rr]ead-only file system') as error:
        call()
      assert '\n' not in str(error.value), name
  assert names(disk) == before


def test_a_ticket_in_a_folder_that_is_read_only_is_used_as_any_other(ticket, disk, picture, tmp_path, capsys):
  ticket.save(disk / 'ticket')
  before = names(disk)
  with disks.read_only(disk):
    predict.main(['predict', f'--ticket={disk / "ticket"}', str(picture)])
    evaluate.main(['evaluate', f'--ticket={disk / "ticket"}', TASK])
    export.main(['export', f'--ticket={disk / "ticket"}', TASK, '--format=float16', '--sparse=never', f'--out={tmp_path / "a.tflite"}'])
  assert names(disk) == before and (tmp_path / 'a.tflite').is_file()
  assert 'top-1' in capsys.readouterr().out


def test_a_network_of_a_call_is_not_half_written(disk):
  from tests import networks

  model = networks.residual(tiny.SIDE, blocks=1)
  with disks.full(disk, 4096), pytest.raises(OSError):
    keras_files.kept(model, disk / 'model')
  assert not os.listdir(disk)
