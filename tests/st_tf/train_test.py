"""The command, in this process: what it does with bad input, interruptions and damage."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from st_tf import train
from st_tf.arch import presets
from st_tf.errors import NothingLeft, UserError
from st_tf.ticket import Ticket
from st_tf.training.trainer import Trainer
from tests import tiny
from tests.st_tf.runs.claimed_test import begun

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETTINGS = tiny.SETTINGS | {'epochs': 2, 'sparsity': 0.5}


@pytest.fixture(scope='module')
def supernet(tmp_path_factory) -> str:
  path = tmp_path_factory.mktemp('supernet') / 'speck.json'
  path.write_text(presets.to_text(tiny.SPECK))
  return str(path)


def run(workdir, network: str, **settings) -> int:
  """The command's exit code."""
  flags = SETTINGS | {'supernet': network} | settings
  return train.main(['train', *(f'--{name}={value}' for name, value in flags.items()), f'--workdir={workdir}'])


@pytest.fixture(scope='module')
def finished(tmp_path_factory, supernet):
  """The workdir of a run that came to its end."""
  workdir = tmp_path_factory.mktemp('finished') / 'run'
  assert run(workdir, supernet) == 0
  return workdir


@pytest.mark.parametrize(
  ('flag', 'message'),
  [
    ('--task=cifar1000', r"A task is one of .*Received: 'cifar1000'\. Did you mean cifar100\?"),
    ('--task=module:no.such_task', r'names an importable Python module'),
    ('--sparsty=0.9', r'Unknown flag --sparsty\. Did you mean --sparsity\?'),
    ('--supernet=cifer', r"A supernet is one of cifar, .*Received: 'cifer'\. Did you mean cifar\?"),
    ('--method=supertikets', r'--method.*supertickets'),
    ('--reactivation=hard', r'--reactivation'),
    ('--sparsity=1', r'--sparsity lies in \[0, 1\)'),
    ('--sparsity=-0.1', r'--sparsity lies in \[0, 1\)'),
    ('--sparsity=90', r'--sparsity lies in \[0, 1\).*Write 90 percent as --sparsity=0\.9'),
    ('--sparsity=0.9,0.8', r'several rising ones'),
    ('--epochs=0', r'--epochs is at least 1'),
    ('--replicas=64', r'--replicas is at most the number of devices'),
    ('--batch_size=1000', r'A batch is at most the training split'),
    ('--sparsity=0.999999', r'at most 0\.\d+ is reachable here'),
    ('--target_macs=0.01', r'--target_macs is at least what is left without any search unit, [\d,]+ MACs here'),
    ('--target_macs=5', r'--target_macs is at least what is left'),
    ('--search_end=0.9', r'The search ends before the last pruning'),
    ('--prune_begin=0.8', r'Pruning begins before it ends'),
    ('--init_from=nothing.npz', r'--init_from names a file that is there'),
    ('--config=nothing.json', r'--config names a readable JSON file'),
    (
      '--recipe=coco',
      r'--image_width means nothing to classification.* \(--recipe=coco is for tasks scored by ap and sets --image_size=256 ',
    ),
    ('--recipe=ade20k', r'is for tasks scored by miou\. Received: --task=module:tests\.tiny, scored by top1\. Use --recipe=imagenet'),
  ],
)
def test_what_cannot_be_is_said_before_anything_is_trained(tmp_path, supernet, flag, message):
  name, _, value = flag.removeprefix('--').partition('=')
  settings = {'batch_size': 64} if name == 'replicas' else {'search_interval': 0.5, 'penalty': 1.0} if name == 'search_end' else {}
  with pytest.raises(UserError, match=message):
    run(tmp_path / 'run', supernet, **settings | {name: value})
  assert not (tmp_path / 'run' / 'checkpoints').exists()


def test_bad_input_is_one_line_and_exit_code_2(tmp_path):
  command = [sys.executable, '-m', 'st_tf.train', '--supernet=cifer', f'--workdir={tmp_path / "run"}']
  environment = os.environ | {'PYTHONPATH': str(ROOT)}
  found = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment)
  assert found.returncode == 2 and found.stdout == ''
  assert found.stderr.startswith('error: A supernet is one of') and found.stderr.count('\n') == 1


@pytest.mark.parametrize('given', ['--workdir=.', '--supernet=tiny'])
def test_a_folder_of_another_run_is_one_line_before_tensorflow_is_loaded(tmp_path, given):
  begun(tmp_path / ('' if 'workdir' in given else 'runs/cifar100-supertickets-tiny-0'), epochs=30)
  command = [sys.executable, '-m', 'st_tf.train', '--epochs=40', given]
  environment = os.environ | {'PYTHONPATH': str(ROOT)}
  found = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, env=environment)
  assert found.returncode == 2 and found.stdout == '' and found.stderr.count('\n') == 1
  assert found.stderr.startswith('error: A workdir belongs to one configuration. Received: --epochs=40 (was 30) in ')


def test_modules_of_the_same_names_in_the_current_folder_are_in_nobodys_way(tmp_path):
  for name in ('tasks', 'tflite'):
    (tmp_path / f'{name}.py').write_text('raise SystemExit("not this one")')
  command = [sys.executable, '-m', 'st_tf.train', '--task=nothing', f'--workdir={tmp_path / "run"}']
  found = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, env=os.environ | {'PYTHONPATH': str(ROOT)})
  assert found.returncode == 2 and found.stderr.startswith('error: A task is one of'), found.stderr


def test_a_workdir_that_cannot_be_written_is_refused(tmp_path, supernet):
  (tmp_path / 'file').write_text('no folder')
  with pytest.raises(UserError, match=r'--workdir is a folder that can be written\. Received: .*file/run'):
    run(tmp_path / 'file' / 'run', supernet)


def test_missing_data_without_a_network_names_both_ways_out(tmp_path, monkeypatch):
  def unreachable(*args, **kwargs):
    raise socket.gaierror('no network in this test')

  monkeypatch.setattr(socket, 'getaddrinfo', unreachable)
  for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'):
    monkeypatch.delenv(name, raising=False)
  with pytest.raises(UserError, match=r'cifar100.*--data_dir'):
    train.main(['train', '--task=cifar100', f'--data_dir={tmp_path}', f'--workdir={tmp_path / "run"}'])


def test_a_run_ends_with_ticket_model_and_report_and_says_where(finished, supernet, capsys):
  assert run(finished, supernet) == 0, 'a finished run is only shown again'
  shown, ticket = capsys.readouterr().out, Ticket.load(finished / 'tickets' / 'sparsity_0.5')
  for name in ('model.tflite', 'report/index.html'):
    assert (finished / 'tickets' / 'sparsity_0.5' / name).is_file() and name in shown
  assert f'Ticket at 50% sparsity: top-1 accuracy {ticket.metrics["test"]["top1"]:.1%} on the test split' in shown
  assert f'{ticket.cost.supernet_macs:,} -> {ticket.cost.macs:,}' in shown
  assert not any(line.startswith(('epoch', 'Only')) for line in shown.splitlines()), 'nothing is trained again'


def test_a_finished_run_is_not_shown_for_another_network_of_the_same_name(finished, supernet, tmp_path):
  shutil.copytree(finished, tmp_path / 'run')
  file = pathlib.Path(supernet)
  before = file.read_text()
  file.write_text(presets.to_text(tiny.ARCH))
  try:
    with pytest.raises(UserError, match=r'A workdir belongs to one configuration\. Received: --supernet=.* \(other contents than it had\)'):
      run(tmp_path / 'run', supernet)
  finally:
    file.write_text(before)


def test_the_workdir_of_another_configuration_is_refused_by_the_flags_that_differ(finished, supernet):
  with pytest.raises(UserError, match=r'A workdir belongs to one configuration\. Received: --seed=3 \(was 0\) in .*--fresh'):
    run(finished, supernet, seed=3)
  with pytest.raises(UserError, match=r'--epochs=5 \(was 2\).* a longer run is another run'):
    run(finished, supernet, epochs=5)


@pytest.mark.slow
def test_an_interrupted_run_with_a_broken_checkpoint_ends_as_the_undisturbed_one(finished, supernet, tmp_path, monkeypatch, capsys):
  original = Trainer.train

  def interrupted(self, *args):
    if self.step == 8:
      os.kill(os.getpid(), signal.SIGTERM)
    return original(self, *args)

  with monkeypatch.context() as patch:
    patch.setattr(Trainer, 'train', interrupted)
    assert run(tmp_path / 'run', supernet) == 130
  shown = capsys.readouterr().out
  assert 'SIGTERM: the same command continues from step 9' in shown and 'Only 12 training steps' in shown
  arrays = tmp_path / 'run' / 'checkpoints' / '00000009' / 'state.safetensors'
  os.truncate(arrays, arrays.stat().st_size - 100)
  assert run(tmp_path / 'run', supernet) == 0
  found = capsys.readouterr()
  assert '00000009 is broken' in found.err and 'Continuing at step 6 of 12' in found.out
  assert 'training steps; thousands' not in found.out
  prints = [Ticket.load(path / 'tickets' / 'sparsity_0.5').fingerprint for path in (finished, tmp_path / 'run')]
  assert prints[0] == prints[1]


def test_a_run_stopped_while_its_ticket_is_delivered_says_how_to_go_on(finished, supernet, tmp_path, monkeypatch, capsys):
  shutil.copytree(finished, tmp_path / 'run')
  shutil.rmtree(tmp_path / 'run' / 'tickets' / 'sparsity_0.5' / 'report')

  def stopped(*args, **kwargs):
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr('st_tf.report.write', stopped)
    assert run(tmp_path / 'run', supernet) == 130
  assert 'Interrupted: the same command continues' in capsys.readouterr().out
  assert run(tmp_path / 'run', supernet) == 0
  assert (tmp_path / 'run' / 'tickets' / 'sparsity_0.5' / 'report' / 'index.html').is_file()


def test_where_other_processes_go_on_the_command_says_so_and_succeeds(tmp_path, supernet, monkeypatch, capsys):
  def done(*args):
    raise NothingLeft('This worker ends.')

  monkeypatch.setattr('st_tf.runs.run.Run.batches', done)
  assert run(tmp_path / 'run', supernet) == 0
  assert capsys.readouterr().out.endswith('This worker ends.\n')


def test_after_fresh_the_same_command_continues_without_it(tmp_path, supernet, monkeypatch, capsys):
  def stopped(*args, **kwargs):
    raise KeyboardInterrupt

  monkeypatch.setattr('st_tf.runs.run.Run.batches', stopped)
  assert run(tmp_path / 'run', supernet, fresh='true') == 130
  assert 'Interrupted: the same command without --fresh starts again' in capsys.readouterr().out


def test_a_run_stopped_before_anything_was_saved_says_so(tmp_path, supernet, monkeypatch, capsys):
  def stopped(*args, **kwargs):
    raise KeyboardInterrupt

  monkeypatch.setattr('st_tf.runs.run.Run.batches', stopped)
  assert run(tmp_path / 'run', supernet) == 130
  assert 'Interrupted: the same command starts again; nothing was saved yet.' in capsys.readouterr().out


def test_a_dry_run_writes_nothing(tmp_path, supernet, capsys):
  workdir = tmp_path / 'run'
  assert run(workdir, supernet, dry_run='true') == 0
  shown = capsys.readouterr().out
  assert 'ms per step' in shown
  assert re.search(r'^Only \d+ training steps; thousands are usual\. Raise --epochs or lower --batch_size\.$', shown, re.MULTILINE)
  assert not workdir.exists()


def test_a_recipe_is_planned_where_its_data_is_not(tmp_path, supernet, capsys):
  flags = ['--recipe=cityscapes', '--batch_size=16', '--scale_with_batch', f'--supernet={supernet}', '--sparsity=0.5', '--dry_run']
  assert train.main(['train', *flags, f'--workdir={tmp_path / "run"}']) == 0
  shown = capsys.readouterr().out
  assert 'recipe cityscapes: learning rate 0.02: 0.04 for batches of 32, scaled to 16' in shown
  assert 'none was read; by the published sizes 2,677 train, 298 validation, 500 test; 512x1024 pixels, 19 outputs' in shown
  assert '430 epochs of 167 steps of 16 images' in shown and 'penalty 0.00014' in shown and 'training steps; thousands' not in shown


def test_where_the_data_is_said_to_be_it_is_read_also_for_a_plan(tmp_path):
  with pytest.raises(UserError, match=rf'--task=cityscapes reads a folder.*Received: --data_dir={tmp_path}'):
    train.main(['train', '--recipe=cityscapes', '--dry_run', f'--data_dir={tmp_path}'])


def test_training_by_a_recipe_needs_its_data(tmp_path):
  with pytest.raises(UserError, match=r'--task=cityscapes reads a folder.*Received: --data_dir= without'):
    train.main(['train', '--recipe=cityscapes', f'--workdir={tmp_path / "run"}'])


@pytest.mark.slow
def test_two_processes_with_one_seed_draw_the_same_ticket_bit_for_bit(tmp_path):
  found = []
  for name in ('first', 'second'):
    flags = [
      '--task=shapes',
      '--supernet=tiny',
      '--epochs=2',
      '--train_examples=640',
      '--batch_size=32',
      '--seed=5',
      '--target_macs=0.8',
      '--nodeliver',
    ]
    command = [sys.executable, '-m', 'st_tf.train', *flags, f'--workdir={tmp_path / name}']
    # With a thread per core, also where this test runs beside others.
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | {'PYTHONPATH': str(ROOT), 'TF_NUM_INTRAOP_THREADS': '0'}, timeout=600)
    found.append(Ticket.load(tmp_path / name / 'tickets' / 'sparsity_0.9'))
  assert found[0].fingerprint == found[1].fingerprint and found[0].metrics == found[1].metrics
