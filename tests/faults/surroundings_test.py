"""What happens around a run: clocks that are set back, damaged checkpoints, pictures that break, memory, requests to end."""

import os
import pathlib
import signal
import time

import numpy as np
from PIL import Image
import pytest

from st_tf import files, task
from st_tf.arch import presets
from st_tf.runs.process import CALLED
from st_tf.runs.run import Run
from st_tf.runs.workdir import Workdir
from st_tf.task import DataConfig, TaskError
from tests import damage, tiny
from tests.st_tf.runs.resume_test import rows
from tflite import convert, export

SHORT = {'arch': tiny.SPECK, 'epochs': 3, 'sparsity': (0.5,)}
WARM, EPOCHS = 12, 24
GROWTH = 12  # Megabytes that further epochs may take; each reads, writes and scores all there is.


@pytest.fixture(scope='module')
def undisturbed(tmp_path_factory):
  """(fingerprint, rows of metrics, folder) of a run that nobody disturbed."""
  ticket, workdir = tiny.draw(tmp_path_factory.mktemp('undisturbed') / 'run', **SHORT)
  workdir.close()
  return ticket.fingerprint, rows(workdir.path), workdir.path


def _begun(path: pathlib.Path) -> list[pathlib.Path]:
  """The checkpoints of a run that was stopped after its second epoch, oldest first."""
  for _ in range(2):
    with tiny.interrupted():
      tiny.draw(path, **SHORT)
  found = sorted((path / 'checkpoints').iterdir())
  assert [int(folder.name) for folder in found] == [tiny.STEPS_PER_EPOCH, 2 * tiny.STEPS_PER_EPOCH]
  return found


@pytest.mark.slow
def test_a_clock_that_is_set_back_changes_nothing_of_what_a_run_goes_on_from(undisturbed, tmp_path, monkeypatch):
  older, newest = _begun(tmp_path / 'run')
  for folder, when in ((older, 4e9), (newest, 1e6)):
    for path in (*folder.iterdir(), folder):
      os.utime(path, (when, when))
  steps = []
  earlier = time.time() / 2
  monkeypatch.setattr(time, 'time', lambda: earlier)
  monkeypatch.setattr(time, 'time_ns', lambda: int(1e9 * earlier))
  from st_tf.training.trainer import Trainer

  monkeypatch.setattr(Trainer, 'train', lambda self, *args, _own=Trainer.train: steps.append(self.step) or _own(self, *args))
  ticket, workdir = tiny.draw(tmp_path / 'run', **SHORT)
  assert steps[0] == int(newest.name) and (ticket.fingerprint, rows(workdir.path)) == undisturbed[:2]
  assert all(row.get('seconds', 0) >= 0 for row in workdir.history.rows()) and ticket.provenance.seconds >= 0


@pytest.mark.slow
@pytest.mark.parametrize(
  ('name', 'how'),
  [
    ('state.json', 'cut'),
    ('state.safetensors', 'flipped'),
    pytest.param('state.json', 'flipped', marks=pytest.mark.long),
    pytest.param('state.safetensors', 'cut', marks=pytest.mark.long),
  ],
)
def test_a_run_whose_newest_checkpoint_is_damaged_ends_in_the_same_ticket(undisturbed, tmp_path, capsys, name, how):
  _, newest = _begun(tmp_path / 'run')
  content = (newest / name).read_bytes()
  (changed,) = damage.flipped(content, 1, seed=3) if how == 'flipped' else [list(damage.cut(content, 5))[-2]]
  (newest / name).write_bytes(changed)
  ticket, workdir = tiny.draw(tmp_path / 'run', **SHORT)
  assert (ticket.fingerprint, rows(workdir.path)) == undisturbed[:2]
  assert f'{newest.name} is broken' in capsys.readouterr().err and (newest.parent / f'broken_{newest.name}').is_dir()


def _pictures(folder: pathlib.Path) -> None:
  rng = np.random.default_rng(0)
  for split, count in (('train', 24), ('validation', 6), ('test', 6)):
    for label, level in (('dark', 40), ('light', 160)):
      (folder / split / label).mkdir(parents=True)
      for number in range(count):
        pixels = rng.integers(0, 90, (16, 16, 3)) + level
        Image.fromarray(pixels.astype(np.uint8)).save(folder / split / label / f'{number}.png')


@pytest.mark.slow
def test_a_picture_that_breaks_in_mid_epoch_stops_a_run_that_goes_on_when_it_is_back(tmp_path, monkeypatch):
  _pictures(tmp_path / 'pictures')
  supernet = tmp_path / 'speck.json'
  supernet.write_text(presets.to_text(tiny.SPECK))
  broken = tmp_path / 'pictures' / 'train' / 'light' / '7.png'
  whole = broken.read_bytes()
  settings = {'supernet': str(supernet), 'epochs': 3, 'sparsity': (0.5,), 'batch_size': 8, 'method': 'gmp'}

  def draw(name: str):
    from st_tf import methods

    config = tiny.config(**settings)
    on = task.load(f'folder:{tmp_path / "pictures"}', DataConfig(image_size=8))
    workdir = Workdir(tmp_path / name, config, CALLED)
    try:
      return methods.named(config.method).draw(on, config, workdir), workdir
    finally:
      workdir.close()

  expected, undisturbed_workdir = draw('undisturbed')
  end_epoch = Run.end_epoch

  def breaking(self, epoch):
    end_epoch(self, epoch)
    broken.write_bytes(whole[: len(whole) // 2])

  with (
    monkeypatch.context() as patch,
    pytest.raises(TaskError, match=r'light/7\.png .*with a readable picture in its place, the same call'),
  ):
    patch.setattr(Run, 'end_epoch', breaking)
    draw('run')
  broken.write_bytes(whole)
  found, workdir = draw('run')
  assert (found.fingerprint, rows(workdir.path)) == (expected.fingerprint, rows(undisturbed_workdir.path))


def _resident() -> float:
  """Megabytes of memory that this process has now."""
  return int(pathlib.Path('/proc/self/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20


@pytest.mark.slow
@pytest.mark.skipif(not pathlib.Path('/proc/self/statm').exists(), reason='this system does not tell the memory of a process')
def test_memory_does_not_grow_over_epochs(tmp_path, monkeypatch):
  end_epoch, seen = Run.end_epoch, []

  def watched(self, epoch):
    end_epoch(self, epoch)
    seen.append(_resident())

  monkeypatch.setattr(Run, 'end_epoch', watched)
  tiny.draw(tmp_path / 'run', tiny.SPECK, epochs=EPOCHS, method='gmp', sparsity=(0.5,))
  assert len(seen) == EPOCHS and max(seen[WARM:]) - seen[WARM - 1] < GROWTH, [round(megabytes) for megabytes in seen]


MOMENTS = {
  'pictures': 'st_tf.task.scoring.score',
  'converted': 'tflite.convert.difference',
  'named': 'st_tf.files.forget_unfinished',
  'facts written': 'st_tf.files.os.replace',
  'file half written': 'st_tf.files._flush',
}


@pytest.fixture
def asked_to_end():
  """SIGTERM is what it is in a command."""
  before = signal.signal(signal.SIGTERM, signal.default_int_handler)
  yield
  signal.signal(signal.SIGTERM, before)


@pytest.mark.slow
@pytest.mark.parametrize('count', [1, pytest.param(2, marks=pytest.mark.long)])
@pytest.mark.parametrize('moment', MOMENTS)
def test_an_export_that_is_asked_to_end_leaves_its_file_whole_or_not_at_all(asked_to_end, tmp_path, monkeypatch, moment, count):
  ticket, calls = tiny.untrained(tiny.task()), []
  options = export.Options(ticket='x', format='float16', sparse='never', out=str(tmp_path / 'model.tflite'))
  module, _, name = MOMENTS[moment].rpartition('.')
  owner = {'st_tf.task.scoring': task.scoring, 'tflite.convert': convert, 'st_tf.files': files, 'st_tf.files.os': files.os}[module]
  original = getattr(owner, name)

  def asking(*args, **kwargs):
    calls.append(name)
    if len(calls) == count:
      os.kill(os.getpid(), signal.SIGTERM)
    return original(*args, **kwargs)

  with monkeypatch.context() as patch:
    patch.setattr(owner, name, asking)
    if moment == 'converted' and count == 2:
      export.export(ticket, tiny.task(), options)  # It is converted once.
    else:
      with pytest.raises(KeyboardInterrupt):
        export.export(ticket, tiny.task(), options)
  left = {path.name for path in tmp_path.iterdir()}
  assert left in (set(), {'model.tflite', 'model.export.json'}), left
  if not left:
    export.export(ticket, tiny.task(), options)
  assert options.path.is_file()
