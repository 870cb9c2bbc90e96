"""Whatever happens to a file of a run: an older checkpoint, a line that is left out, or one clear message."""

import itertools
import json

import numpy as np
import pytest

from st_tf import files, plain
from st_tf.runs import folder
from st_tf.runs.checkpoints import Checkpoints
from st_tf.runs.folder import WorkdirError
from st_tf.runs.workdir import Workdir
from st_tf.training.state import State
from tests import damage, tiny

ROWS = [
  {'event': 'epoch', 'epoch': 1, 'step': 6, 'loss': 1.25, 'validation': {'top1': 0.5}, 'seconds': 2.5},
  {'event': 'prune', 'step': 7, 'epoch': 2, 'sparsity': 0.25, 'final': False},
]


def state(step: int, fingerprint: str = 'a') -> State:
  facts = {
    'arch': tiny.SPECK.to_json(),
    'step': step,
    'iterations': step,
    'requested': 0.5,
    'final': step > 6,
    'survivors': {'a/k3': [0, 1, 3]},
    'steering': {'strength': 0.1, 'gain': 1.0, 'goal': float('inf')},
    'sums': {'loss': 0.5, 'batches': 3},
    'sizes': dict(tiny.SIZES),
    'config': fingerprint,
  }
  return State(facts, {'value/kernel': np.full((2, 3), step, np.float32)})


@pytest.fixture
def checkpoints(tmp_path):
  made = Checkpoints(tmp_path / 'checkpoints', 2)
  for step in (6, 12):
    made.save(state(step))
  return made, tmp_path / 'checkpoints' / '00000012'


def test_a_damaged_checkpoint_is_never_taken_for_another(checkpoints, tmp_path, capsys):
  made, newest = checkpoints
  said, arrays = (newest / 'state.json').read_bytes(), (newest / 'state.safetensors').read_bytes()
  plainly = json.loads(json.dumps(state(12).facts)), json.loads(json.dumps(state(6).facts))
  every = [
    *((changed, arrays) for changed in itertools.chain(damage.flipped(said, 250), damage.cut(said, 20))),
    *((changed, arrays) for changed in itertools.islice(damage.mistyped(json.loads(said)), 0, None, 9)),
    *((said, changed) for changed in itertools.chain(damage.flipped(arrays, 60), damage.cut(arrays, 10))),
  ]
  passed = 0
  for facts, values in every:
    (newest / 'state.json').write_bytes(facts)
    (newest / 'state.safetensors').write_bytes(values)
    found = made.latest()
    assert found.facts in plainly and found.arrays['value/kernel'][0, 0] == found.facts['step']
    passed += found.facts['step'] == 12
    if found.facts['step'] == 6:
      (tmp_path / 'checkpoints' / 'broken_00000012').rename(newest)
  assert passed < len(every) / 20, 'what changes nothing, such as white space, may pass'
  capsys.readouterr()


def test_facts_of_before_are_read_by_the_digest_of_their_arrays_and_looked_at(checkpoints, capsys):
  made, newest = checkpoints
  facts = state(12).facts | {'digest': files.digest(state(12).arrays)}
  (newest / 'state.json').write_text(json.dumps(facts))
  assert made.latest().facts['step'] == 12
  for changed in ({'step': '12'}, {'step': 14}, {'survivors': [1]}, {'final': 'no'}, {'sums': None}):
    (newest / 'state.json').write_text(json.dumps(facts | changed))
    assert made.latest().facts['step'] == 6, changed
    newest.with_name('broken_00000012').rename(newest)
  assert 'step is' in capsys.readouterr().err


@pytest.mark.parametrize('name', [folder.CONFIG, folder.DIGESTS])
def test_a_run_whose_checkpoint_is_whole_goes_on_whatever_its_settings_say(tmp_path, name, capsys):
  workdir = Workdir(tmp_path, tiny.config())
  workdir.checkpoints.save(state(6, workdir.identity.fingerprint))
  workdir.close()
  said = (tmp_path / name).read_bytes()
  for changed in itertools.chain(damage.flipped(said, 60), damage.cut(said, 6), (b'', b'[', b'5', b'[' * 9999)):
    (tmp_path / name).write_bytes(changed)
    again = Workdir(tmp_path, tiny.config())
    again.close()
    assert again.checkpoints.latest().facts['step'] == 6
  assert Workdir(tmp_path, tiny.config()).path == tmp_path
  assert 'is damaged' in capsys.readouterr().err


def test_lines_of_metrics_that_were_damaged_are_left_out(tmp_path):
  said = ''.join(map(folder.row_line, ROWS)).encode()
  for changed in itertools.chain(damage.flipped(said, 400), damage.cut(said, 30)):
    (tmp_path / folder.METRICS).write_bytes(changed)
    for row in folder.rows(tmp_path)[0]:
      # One bit of the checksum's own name makes it one more entry.
      assert any(known.items() <= row.items() and len(row) <= len(known) + 1 for known in ROWS)


def test_lines_of_before_and_of_other_types_are_left_out_where_nothing_can_reckon_with_them(tmp_path):
  lines = ['5', '[1]', '"x"', 'null', '{"event": "epoch"}', '{"step": "3"}', '{"step": 3, "seconds": []}', '{"step": 3, "validation": 5}']
  (tmp_path / folder.METRICS).write_bytes('\n'.join([*lines, '{"step": 6}', '[' * 9999]).encode() + b'\n\xff\xfe\n{"step": 7}\n')
  assert folder.rows(tmp_path)[0] == [{'step': 6}, {'step': 7}]


def test_early_weights_that_were_damaged_are_refused(tmp_path):
  workdir = Workdir(tmp_path, tiny.config())
  values = {'a/kernel': np.arange(6, dtype=np.float32).reshape(2, 3)}
  workdir.keep_early(values)
  said = (tmp_path / folder.EARLY).read_bytes()
  refused = 0
  for changed in itertools.chain(damage.flipped(said, 300), damage.cut(said, 20)):
    (tmp_path / folder.EARLY).write_bytes(changed)
    try:
      assert files.digest(folder.early(tmp_path)) == files.digest(values)
    except WorkdirError:
      refused += 1
  assert refused > 200


@pytest.mark.parametrize(
  'content', [b'', b'[', b'5', b'null', b'{"a"', b'[5]', b'[null]', b'["../../etc"]', b'{"sparsity_0.5": 5}', b'[' * 9999]
)
def test_what_no_run_has_noted_at_its_end_is_no_end(tmp_path, content):
  (tmp_path / folder.FINISHED).write_bytes(content)
  assert not folder.is_finished(tmp_path)


@pytest.mark.parametrize('name', [folder.FINISHED, folder.METRICS, folder.EARLY])
def test_a_folder_in_the_place_of_a_file_is_named(tmp_path, name):
  workdir = Workdir(tmp_path, tiny.config())
  (tmp_path / name).mkdir()
  each = {
    folder.FINISHED: [workdir.finish],
    folder.METRICS: [workdir.history.rows, lambda: workdir.history.retell([])],
    folder.EARLY: [lambda: workdir.keep_early({'a': np.zeros(2, np.float32)})],
  }
  for call in each[name]:
    with pytest.raises(WorkdirError, match=rf'{name} is a file of a run\. Received: .*remove what is there, and give the same command'):
      call()


def test_an_older_checkpoint_that_cannot_be_removed_stays(tmp_path, monkeypatch, capsys):
  made = Checkpoints(tmp_path, 1)
  made.save(state(6))
  with monkeypatch.context() as patch:
    patch.setattr(files.shutil, 'rmtree', lambda path, **kwargs: (_ for _ in ()).throw(PermissionError(13, 'Permission denied')))
    assert made.save(state(12))
  assert 'an older checkpoint stays' in capsys.readouterr().err and made.latest().facts['step'] == 12


def test_a_run_is_finished_while_its_tickets_say_what_they_said(tmp_path):
  ticket = tmp_path / folder.TICKETS / 'sparsity_0.5'
  ticket.mkdir(parents=True)
  facts = {'survivors': {'a': [0, 1]}, 'cost': {'params': 12}, 'metrics': {'validation': {'top1': 0.5}}}
  (ticket / folder.FACTS).write_text(json.dumps(facts))
  folder.finish(tmp_path)
  assert folder.is_finished(tmp_path)
  (ticket / folder.FACTS).write_text(json.dumps(facts | {'metrics': facts['metrics'] | {'test': {'top1': 0.4}}}, indent=1))
  assert folder.is_finished(tmp_path), 'scores may come later'
  said = (ticket / folder.FACTS).read_bytes()
  for changed in damage.flipped(said, 300):
    (ticket / folder.FACTS).write_bytes(changed)
    if folder.is_finished(tmp_path):
      found = plain.read(ticket / folder.FACTS)
      assert found | {'metrics': found['metrics']['validation']} == facts | {'metrics': facts['metrics']['validation']}
  (ticket / folder.FACTS).unlink()
  assert not folder.is_finished(tmp_path), 'half of a ticket is none'


def test_a_run_is_finished_while_the_arrays_of_its_tickets_are_what_they_were(tmp_path):
  ticket = tmp_path / folder.TICKETS / 'sparsity_0.5'
  ticket.mkdir(parents=True)
  (ticket / folder.FACTS).write_text('{"cost": {"params": 12}}')
  arrays = ticket / 'weights.safetensors'
  files.write_arrays(arrays, {'a/kernel': np.arange(6, dtype=np.float32)})
  folder.finish(tmp_path)
  whole = arrays.read_bytes()
  for changed in (*damage.flipped(whole, 100), *damage.cut(whole, 9), b''):
    arrays.write_bytes(changed)
    assert not folder.is_finished(tmp_path)
  arrays.unlink()
  assert not folder.is_finished(tmp_path)
  arrays.mkdir()
  assert not folder.is_finished(tmp_path)
  arrays.rmdir()
  arrays.write_bytes(whole)
  assert folder.is_finished(tmp_path)
  (tmp_path / folder.FINISHED).write_text(json.dumps({'sparsity_0.5': plain.checksum({'cost': {'params': 12}})}))
  assert folder.is_finished(tmp_path), 'as runs of before have noted it'


def test_a_ticket_of_before_that_cannot_be_read_is_no_end_of_a_run(tmp_path):
  workdir = Workdir(tmp_path, tiny.config())
  (tmp_path / folder.TICKETS / 'sparsity_0.3').mkdir(parents=True)
  (tmp_path / folder.TICKETS / 'sparsity_0.3' / folder.FACTS).write_text('{"format": ')
  for finish in (workdir.finish, lambda: folder.finish(tmp_path)):
    with pytest.raises(WorkdirError, match=r'A run ends with tickets that can be read\. Received: .*Remove the folder of that ticket'):
      finish()
  assert not (tmp_path / folder.FINISHED).exists()
