"""Tickets of which everything fits together, and nothing is true: refused in one message, or used within their folder."""

from collections.abc import Callable, Mapping
import dataclasses
import importlib
import json
import pathlib
import resource
import shutil
import time
from typing import Any

import numpy as np
from PIL import Image
import pytest

from st_tf import files, predict
from st_tf.arch.graph import architecture
from st_tf.arch.specs import HeadSpec
from st_tf.errors import UserError
from st_tf.ticket import Ticket, TicketError
from tests import networks, tiny

evaluate, transfer = (importlib.import_module(f'st_tf.{name}') for name in ('evaluate', 'transfer'))
TASK = '--task=module:tests.tiny'
KERNEL = 'stage1/fuse/0to0/k3/expand/kernel'
SHAPE = (1, 1, 4, 8)
FAR = '../../../../elsewhere'
WHOLE = r'^A ticket can be read back whole\. Received: .*\(.*{}.*\)\. Copy it anew or draw it again\.$'
LARGE = 'A network has at most 1,000,000,000 parameters'


@pytest.fixture(scope='module')
def right(tmp_path_factory):
  """The folder of a ticket that is what it says."""
  folder = tmp_path_factory.mktemp('right') / 'ticket'
  tiny.untrained(tiny.task()).save(folder)
  return folder


@pytest.fixture
def picture(tmp_path):
  path = tmp_path / 'picture.png'
  Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8)).save(path)
  return path


@pytest.fixture(autouse=True)
def little():
  """Each test takes seconds, and little more memory than there was."""
  before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
  yield
  assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000 and time.monotonic() - began < 60


def forged(
  right: pathlib.Path, folder: pathlib.Path, facts: Mapping[str, Any], weights: Mapping[str, Any], masks: Mapping[str, Any]
) -> pathlib.Path:
  """A ticket with other facts ('task.keep'), weights and masks (None: without it), and the fingerprint of what it has."""
  shutil.copytree(right, folder)
  said = json.loads((folder / 'ticket.json').read_text())
  for path, value in facts.items():
    *parents, name = path.split('.')
    place = said
    for parent in parents:
      place = place[parent]
    place[name] = value
  arrays = {}
  for name, changes in (('weights', weights), ('masks', masks)):
    found = files.read_arrays(folder / f'{name}.safetensors') | changes
    arrays[name] = {key: value for key, value in found.items() if value is not None}
    files.write_arrays(folder / f'{name}.safetensors', arrays[name])
  parts = {'arch': architecture(said['arch']), 'head': HeadSpec(**said['head'])}
  said['fingerprint'] = dataclasses.replace(Ticket.load(right), **parts, **arrays).fingerprint
  (folder / 'ticket.json').write_text(json.dumps(said))
  return folder


def commands(ticket: pathlib.Path, picture: pathlib.Path, workdir: pathlib.Path) -> dict[str, Callable[[], Any]]:
  """What is done with tickets of others."""
  moved = ['transfer', f'--ticket={ticket}', TASK, '--epochs=1', '--batch_size=16', '--dry_run', f'--workdir={workdir}']
  return {
    'predict': lambda: predict.main(['predict', f'--ticket={ticket}', str(picture)]),
    'evaluate': lambda: evaluate.main(['evaluate', f'--ticket={ticket}', TASK]),
    'transfer': lambda: transfer.main(moved),
  }


def _large(arch: Mapping[str, Any]) -> dict[str, Any]:
  return {**arch, 'last_channel': 10**9}


@pytest.mark.slow
@pytest.mark.parametrize(
  ('facts', 'weights', 'masks', 'reason'),
  [
    ({}, {KERNEL: np.zeros((1, 1, 3, 3), np.float32)}, {}, 'has shape .*, and the weight .*3, 3'),
    ({}, {KERNEL: None}, {}, 'and the weight no weight'),
    ({}, {KERNEL: np.full(SHAPE, np.nan, np.float32)}, {}, 'has NaN or infinity among its weights'),
    ({}, {KERNEL: np.full(SHAPE, np.inf, np.float16)}, {}, 'has NaN or infinity among its weights'),
    ({}, {}, {KERNEL: np.ones((1, 1), bool)}, r'the mask of .* has shape \(1, 1\)'),
    ({}, {}, {KERNEL: np.ones(SHAPE, np.float32)}, 'is float32, not bool'),
    ({}, {}, {f'{FAR}/kernel': np.ones((1, 1), bool)}, 'and the weight no weight'),
    ({'input_shape': [2_000_000, 2_000_000, 3]}, {}, {}, LARGE),
    ({'input_shape': [40_000, 40_000, 3]}, {}, {}, LARGE),
    ({'arch': _large(tiny.SPECK.to_json())}, {}, {}, LARGE),
    ({'head.outputs': 10**9}, {}, {}, "the task's labels are no list of 1000000000"),
    ({'task.keep': -5.0}, {}, {}, "the task's keep is -5.0, not a share"),
    ({'task.keep': 10.0**9}, {}, {}, "the task's keep is 1000000000.0, not a share"),
    ({'task.deviation': [0, 0, 0]}, {}, {}, "the task's deviation is .* not above 0"),
    ({'task.mean': [float('nan')] * 3}, {}, {}, r'task\.mean\[0\] is nan'),
    ({'sparsity': 10**9}, {}, {}, 'sparsity is 1000000000, not a share'),
    ({'survivors': {FAR: [-1]}}, {}, {}, 'has numbers below 0'),
  ],
)
def test_what_cannot_be_a_ticket_is_refused_by_every_command(right, picture, tmp_path, facts, weights, masks, reason):
  ticket = forged(right, tmp_path / 'ticket', facts, weights, masks)
  for name, call in commands(ticket, picture, tmp_path / 'run').items():
    with pytest.raises(TicketError, match=WHOLE.format(reason)) as error:
      call()
    assert '\n' not in str(error.value), name
  assert sorted(path.name for path in tmp_path.iterdir()) == ['picture.png', 'ticket']


def test_weights_of_another_network_are_refused_where_the_network_is_built(right, picture, tmp_path):
  shapes = {'head/classifier/kernel': (3, 3), 'stem/conv0/kernel': (1, 2)}
  for name, shape in shapes.items():
    ticket = forged(right, tmp_path / name.replace('/', '_'), {}, {name: np.zeros(shape, np.float32)}, {})
    for command in ('predict', 'evaluate'):
      with pytest.raises(TicketError, match=rf'Weights fit the architecture\. Received: {name} of'):
        commands(ticket, picture, tmp_path / 'run')[command]()


@pytest.mark.slow
def test_weights_of_another_network_are_refused_before_a_ticket_is_moved(right, tmp_path):
  ticket = forged(right, tmp_path / 'ticket', {}, {'stem/conv0/kernel': np.zeros((1, 2), np.float32)}, {})
  flags = [f'--ticket={ticket}', TASK, '--epochs=1', '--batch_size=16', f'--workdir={tmp_path / "run"}']
  with pytest.raises(UserError, match=r'Received: .*stem/conv0/kernel'):
    transfer.main(['transfer', *flags])


@pytest.mark.slow
@pytest.mark.parametrize(
  'facts',
  [
    {'task.name': FAR},
    {'task.labels': [FAR, '<script>', 'c']},
    {'task.image_size': [10**6, 10**6]},
    {'survivors': {FAR: [10**12]}},
    {'provenance.method': FAR, 'provenance.source': FAR, 'provenance.command': '; touch here'},
    {'provenance.config': {'supernet': f'keras:{FAR}', 'init_from': FAR, 'data_dir': FAR, 'weights': FAR, 'batch_size': 10**9}},
  ],
)
def test_places_and_sizes_that_a_ticket_names_lead_nowhere(right, picture, tmp_path, facts, monkeypatch, capsys):
  ticket = forged(right, tmp_path / 'a' / 'b' / 'ticket', facts, {f'{FAR}/bias': np.zeros(4, np.float32)}, {})
  (tmp_path / 'a' / 'b' / 'here').mkdir()
  monkeypatch.chdir(tmp_path / 'a' / 'b' / 'here')
  opened: list[str] = []
  monkeypatch.setattr('builtins.open', lambda path, *rest, _open=open, **named: opened.append(str(path)) or _open(path, *rest, **named))
  for name, call in commands(ticket, picture, pathlib.Path('run')).items():
    try:
      assert not call(), name
    except UserError as error:
      assert '\n' not in str(error), name
  assert (
    not [path for path in opened if 'elsewhere' in path] and not list(tmp_path.rglob('elsewhere')) and not list(pathlib.Path().iterdir())
  )
  assert sorted(path.name for path in tmp_path.iterdir()) == ['a', 'picture.png'] and '<script>\n' not in capsys.readouterr().out


def test_the_own_task_of_a_forged_ticket_brings_no_code_and_no_other_data(right, tmp_path):
  reasons = {
    'module:os': 'A ticket is data, and brings no code',
    FAR: 'A task is one of',
    f'folder:{FAR}': 'The task is that of the ticket',
    'shapes': 'Shapes are drawn at 32 to 224 pixels',
  }
  for number, (name, reason) in enumerate(reasons.items()):
    ticket = forged(right, tmp_path / str(number), {'task.name': name}, {}, {})
    with pytest.raises(UserError, match=reason):
      evaluate.main(['evaluate', f'--ticket={ticket}'])


def test_a_trained_networks_ticket_for_enormous_images_is_refused(tmp_path):
  graph = networks.inverted(False)
  arch, on = {'arch': graph, 'supernet': graph}, tiny.task()
  ticket = dataclasses.replace(tiny.untrained(on), **arch, masks={}, weights={}, survivors={}, input_shape=(10**6, 10**6, 3))
  ticket.save(tmp_path / 'ticket')
  with pytest.raises(TicketError, match=WHOLE.format(LARGE)):
    Ticket.load(tmp_path / 'ticket')


def test_weights_that_overflow_are_told_and_not_drawn(right, picture, tmp_path):
  large = {'head/classifier/kernel': np.full((8, 3), 3e38, np.float32)}
  shape = files.read_arrays(right / 'weights.safetensors')['head/classifier/kernel'].shape
  large['head/classifier/kernel'] = np.resize(large['head/classifier/kernel'], shape)
  large['stem/bn0/gamma'] = np.full(4, 1e30, np.float32)
  ticket = forged(right, tmp_path / 'ticket', {}, large, {})
  with pytest.raises(UserError, match=r'A network answers with numbers\. Received: NaN or infinity'):
    predict.main(['predict', f'--ticket={ticket}', str(picture)])
