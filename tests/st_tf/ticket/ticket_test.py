import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest
import tf_keras as keras

from st_tf import files
from st_tf.arch.specs import BlockSpec
from st_tf.models import named_variables
from st_tf.ticket import Costs, Early, Provenance, Ticket, TicketError, card
from tests import damage


@pytest.fixture
def folder(ticket_folder, tmp_path):
  """A copy of the ticket that may be spoilt."""
  return shutil.copytree(ticket_folder, tmp_path / 'sparsity_0.8')


def changed(arrays: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
  """`arrays` with one entry of one of them changed."""
  value = arrays[name].copy()
  value.flat[-1] = not value.flat[-1] if value.dtype == bool else value.flat[-1] + 1e-6
  return arrays | {name: value}


def edit(folder, **facts) -> None:
  """Replaces facts in ticket.json; None removes them."""
  found = json.loads((folder / 'ticket.json').read_text()) | facts
  (folder / 'ticket.json').write_text(json.dumps({name: value for name, value in found.items() if value is not None}))


def test_a_ticket_comes_back_as_it_was_saved(tiny_ticket, ticket_folder):
  found = Ticket.load(ticket_folder)
  for field in dataclasses.fields(Ticket):
    before, after = getattr(tiny_ticket, field.name), getattr(found, field.name)
    if field.name in ('weights', 'masks'):
      assert before.keys() == after.keys()
      assert all(np.array_equal(value, after[name]) and value.dtype == after[name].dtype for name, value in before.items())
    else:
      assert json.loads(json.dumps(_plain(before))) == json.loads(json.dumps(_plain(after))), field.name
  assert found.fingerprint == tiny_ticket.fingerprint


def _plain(value):
  return value.to_json() if hasattr(value, 'to_json') else dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value


def test_the_fingerprint_changes_with_every_weight_mask_and_part_of_the_network(tiny_ticket):
  ticket = tiny_ticket
  others = [dataclasses.replace(ticket, weights=changed(ticket.weights, name)) for name in ticket.weights if 'calls' not in name]
  others += [dataclasses.replace(ticket, masks=changed(ticket.masks, name)) for name in ticket.masks]
  others += [
    dataclasses.replace(ticket, arch=ticket.arch.with_searched({'stage1/fuse/0to0': BlockSpec(((3, 7),))})),
    dataclasses.replace(ticket, arch=dataclasses.replace(ticket.arch, upsampling='bilinear')),
    dataclasses.replace(ticket, head=dataclasses.replace(ticket.head, kind='dense')),
  ]
  prints = {other.fingerprint for other in others} | {ticket.fingerprint}
  assert len(prints) == len(others) + 1


def test_the_fingerprint_does_not_change_with_what_is_said_about_the_ticket(tiny_ticket):
  other = dataclasses.replace(
    tiny_ticket,
    provenance=Provenance(),
    metrics={'test': {'top1': 1.0}},
    cost=Costs(),
    task=dataclasses.replace(tiny_ticket.task, name='other'),
  )
  assert other.fingerprint == tiny_ticket.fingerprint


def test_the_model_has_the_weights_and_no_wrappers(small_ticket):
  model = small_ticket.build_model(raw=True)
  variables = named_variables(model)
  assert variables.keys() == small_ticket.weights.keys()
  assert all(np.array_equal(variable.numpy(), small_ticket.weights[name]) for name, variable in variables.items())
  assert not [layer.name for layer in model.layers if 'prune' in layer.name]


@pytest.fixture(scope='module')
def pixels():
  """Four images of noise [4, height, width, 3] float32, from 0 to 1."""
  return np.random.default_rng(3).random((4, 32, 32, 3), np.float32)


def test_the_model_reads_pixels_and_raw_reads_normalised_images(small_ticket, pixels):
  facts = dataclasses.replace(small_ticket.task, mean=(0.2, 0.3, 0.4), deviation=(0.5, 0.6, 0.7))
  ticket = dataclasses.replace(small_ticket, task=facts)
  normalised = ((pixels - [0.2, 0.3, 0.4]) / [0.5, 0.6, 0.7]).astype(np.float32)
  expected = ticket.build_model(raw=True)(normalised, training=False)
  np.testing.assert_allclose(ticket.build_model()(pixels, training=False), expected, rtol=1e-5, atol=1e-5)


def test_the_normalisation_is_one_layer_of_the_flat_graph(small_ticket):
  names, raw = ([layer.name for layer in small_ticket.build_model(raw).layers] for raw in (False, True))
  assert names == [raw[0], 'normalisation', *raw[1:]]


@pytest.mark.parametrize('suffix', ['.keras', '.h5'])
@pytest.mark.parametrize('raw', [False, True])
def test_a_keras_file_gives_the_outputs_of_the_model(small_ticket, pixels, tmp_path, suffix, raw):
  path = tmp_path / f'model{suffix}'
  path.write_bytes(b'an older one')
  small_ticket.save_keras(str(path), raw=raw)
  expected = small_ticket.build_model(raw)(pixels, training=False)
  np.testing.assert_allclose(keras.models.load_model(path)(pixels, training=False), expected, rtol=1e-6, atol=1e-6)
  assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('name', ['model', 'model.tflite', 'model.keras/'])
def test_a_keras_file_has_one_of_two_suffixes(small_ticket, tmp_path, name):
  if name.endswith('/'):
    (tmp_path / name).mkdir()
    with pytest.raises(TicketError, match='folder that has room'):
      small_ticket.save_keras(tmp_path / name)
  else:
    with pytest.raises(TicketError, match=r'is a \.keras or \.h5 file\. Received: .*model.*model\.keras\.$'):
      small_ticket.save_keras(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_other_versions_of_keras_are_refused(small_ticket, tmp_path):
  with pytest.raises(TicketError, match=r'version 2 \(tf_keras\) or 3\. Received: 4\.'):
    small_ticket.save_keras(tmp_path / 'model.keras', version=4)
  with pytest.raises(TicketError, match=r'is a \.keras file\. Received: .*model\.h5\.'):
    small_ticket.save_keras(tmp_path / 'model.h5', version=3)
  assert not list(tmp_path.iterdir())


def test_a_keras_file_that_cannot_be_written_leaves_the_old_one(small_ticket, tmp_path, monkeypatch):
  def full(model, path):
    pathlib.Path(path).write_bytes(b'half')
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(keras.Model, 'save', full)
  (tmp_path / 'model.keras').write_bytes(b'whole')
  with pytest.raises(TicketError, match=r'folder that has room for it\. Received: .*model\.keras .*No space left'):
    small_ticket.save_keras(tmp_path / 'model.keras')
  assert [path.read_bytes() for path in tmp_path.iterdir()] == [b'whole']


def test_the_costs_are_counted_with_the_masks(small_ticket):
  found = small_ticket.count()
  for name in ('params', 'macs', 'nonzero_params', 'nonzero_macs'):
    assert getattr(found, name) == getattr(small_ticket.cost, name)
  assert found.nonzero_macs < found.macs


@pytest.mark.parametrize('damage', ['missing', 'misshaped'])
def test_weights_that_do_not_fit_the_network_are_refused(small_ticket, damage):
  name = 'head/last/kernel'
  weights = {key: value for key, value in small_ticket.weights.items() if key != name}
  if damage == 'misshaped':
    weights[name] = small_ticket.weights[name][..., :-1]
  with pytest.raises(TicketError, match=rf'Weights fit the architecture\. Received: {name} of '):
    dataclasses.replace(small_ticket, weights=weights).build_model()


@pytest.mark.parametrize('name', ['weights.safetensors', 'masks.safetensors'])
@pytest.mark.parametrize('damage', ['missing', 'cut', 'emptied'])
def test_damaged_arrays_are_refused_by_their_file(folder, name, damage):
  content = (folder / name).read_bytes()
  if damage == 'missing':
    (folder / name).unlink()
  else:
    (folder / name).write_bytes(content[: len(content) // 2 if damage == 'cut' else 0])
  with pytest.raises(TicketError, match=rf'A ticket can be read back whole\. Received: .*sparsity_0\.8 \({name}: .*Copy it anew'):
    Ticket.load(folder)


@pytest.mark.parametrize('name', ['weights', 'masks'])
def test_one_edited_value_is_noticed(folder, tiny_ticket, name):
  arrays = getattr(tiny_ticket, name)
  files.write_arrays(folder / f'{name}.safetensors', changed(arrays, next(iter(arrays))))
  with pytest.raises(TicketError, match=r"A ticket's weights match its fingerprint\. Received: .*changed or damaged"):
    Ticket.load(folder)


def test_an_edited_architecture_is_noticed(folder, tiny_ticket):
  edit(folder, arch=dataclasses.replace(tiny_ticket.arch, activation='swish').to_json())
  with pytest.raises(TicketError, match='match its fingerprint'):
    Ticket.load(folder)


@pytest.mark.parametrize('found', [2, None, 'one'])
def test_another_format_is_refused_by_its_number(folder, found):
  edit(folder, format=found)
  with pytest.raises(TicketError, match=rf'reads tickets of format 1\. Received: format {found} in .*Update the program'):
    Ticket.load(folder)


@pytest.mark.parametrize('text', ['{"format": 1', '', '[1]', '{"format": 1}', b'\xff\xfe'])
def test_facts_that_are_no_ticket_are_refused(folder, text):
  (folder / 'ticket.json').write_bytes(text if isinstance(text, bytes) else text.encode())
  with pytest.raises(TicketError, match=r'Received: .*sparsity_0\.8'):
    Ticket.load(folder)


@pytest.mark.parametrize(
  'facts',
  [
    {'arch': {'stages': 3}},
    {'arch': None},
    {'head': {'kind': 'toes', 'outputs': 3}},
    {'head': 5},
    {'cost': None},
    {'task': {}},
    {'task': 'cifar100'},
    {'metrics': []},
    {'metrics': {'test': {'top1': 0.5}, 'intervals': {'test': {'low': 0.4}}}},
    {'metrics': {'baseline_intervals': {'test': {'linear model': {'high': 0.4}}}}},
    {'metrics': {'baseline_intervals': {'test': {'linear model': [0.2, 0.4]}}}},
  ],
)
def test_facts_with_a_wrong_part_are_refused(folder, facts):
  edit(folder, **facts)
  with pytest.raises(TicketError, match=r'A ticket can be read back whole\. Received: .*sparsity_0\.8'):
    Ticket.load(folder)


@pytest.mark.parametrize('part', [{'labels': ['a']}, {'mean': [0.5]}, {'primary_metric': None}, {'image_size': 32}])
def test_a_task_with_a_wrong_part_is_refused_by_its_name(folder, tiny_ticket, part):
  edit(folder, task=tiny_ticket.task.to_json() | part)
  with pytest.raises(TicketError, match=rf"A ticket can be read back whole\. Received: .*the task's {next(iter(part))}"):
    Ticket.load(folder)


def test_a_place_without_a_ticket_is_refused(folder, tmp_path):
  for path in (tmp_path / 'nothing', folder / 'ticket.json', tmp_path):
    with pytest.raises(TicketError, match=r'A ticket is a folder with ticket\.json\. Received: '):
      Ticket.load(path)


def test_a_workdir_is_no_ticket_but_leads_to_one(folder, tmp_path):
  (tmp_path / 'run' / 'tickets').mkdir(parents=True)
  shutil.copytree(folder, tmp_path / 'run' / 'tickets' / 'sparsity_0.8')
  with pytest.raises(TicketError, match=r'Did you mean .*run/tickets/sparsity_0\.8\?'):
    Ticket.load(tmp_path / 'run')


def test_new_scores_leave_model_and_report_alone(folder, tiny_ticket):
  (folder / 'model.tflite').write_bytes(b'model')
  (folder / 'report').mkdir()
  dataclasses.replace(tiny_ticket, metrics={'test': {'top1': 0.25}}).save(folder)
  assert Ticket.load(folder).metrics == {'test': {'top1': 0.25}}
  assert (folder / 'model.tflite').read_bytes() == b'model' and (folder / 'report').is_dir()


def test_other_weights_take_the_old_model_away(folder, tiny_ticket):
  (folder / 'model.tflite').write_bytes(b'model of the old weights')
  other = dataclasses.replace(tiny_ticket, weights=changed(tiny_ticket.weights, 'head/classifier/bias'))
  other.save(folder)
  assert Ticket.load(folder).fingerprint == other.fingerprint
  assert not (folder / 'model.tflite').exists()


def test_a_ticket_that_cannot_be_written_leaves_the_old_one(folder, tiny_ticket, monkeypatch):
  def full(path, arrays):
    path.write_bytes(b'half')
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(files, 'write_arrays', full)
  with pytest.raises(OSError, match='No space left'):
    dataclasses.replace(tiny_ticket, weights=changed(tiny_ticket.weights, 'head/classifier/bias')).save(folder)
  assert Ticket.load(folder).fingerprint == tiny_ticket.fingerprint


def test_whatever_the_facts_say_a_ticket_is_whole_or_refused_in_one_line(folder, tiny_ticket):
  whole = json.loads((folder / 'ticket.json').read_text())
  whole['provenance'] |= {'training': {'epochs': 1.0, 'macs': 5, 'seconds': 2.0}, 'config': {'seed': 1}, 'trials': [{}], 'latency': {}}
  whole['metrics'] = {'validation': {'top1': 0.5}, 'per_class': {'red': {'count': 3, 'top1': 0.5}}}
  huge, deep = '1' + '0' * 400, '[' * 5000 + ']' * 5000
  texts = [*damage.mistyped(whole), *damage.flipped(json.dumps(whole).encode(), 300)]
  texts += [json.dumps(whole).replace('"macs": 5', f'"macs": {value}').encode() for value in (huge, deep, '1e999', 'NaN', '-5.5')]
  refused = 0
  for text in texts[:: max(len(texts) // 700, 1)]:
    (folder / 'ticket.json').write_bytes(text)
    try:
      found = Ticket.load(folder)
    except TicketError as error:
      assert '\n' not in str(error)
      refused += 1
      continue
    assert found.fingerprint == tiny_ticket.fingerprint and all(isinstance(value, str) for _, value in card.rows(found))
    json.dumps(found._facts())
  assert refused > 300


@pytest.mark.parametrize(
  'semantics',
  [
    {'kind': 'lambda'},
    {'kind': ['classification']},
    {},
    {'kind': 'segmentation'},
    {'kind': 'segmentation', 'colours': ['#00000'] * 10},
    {'kind': 'segmentation', 'colours': '#000000'},
    {'kind': 'keypoints', 'colours': ['#000000'] * 10},
    {'kind': 'keypoints', 'colours': ['#000000'] * 10, 'skeleton': [[0, 10]]},
    {'kind': 'keypoints', 'colours': ['#000000'] * 10, 'skeleton': [[0, 1, 2]]},
  ],
)
def test_a_meaning_that_no_output_has_is_refused(folder, semantics):
  facts = json.loads((folder / 'ticket.json').read_text())
  facts['task']['semantics'] = semantics
  (folder / 'ticket.json').write_text(json.dumps(facts))
  with pytest.raises(TicketError, match='A ticket can be read back whole'):
    Ticket.load(folder)


def test_early_weights_are_kept_beside_the_weights_and_are_part_of_what_the_ticket_is(small_ticket, tmp_path):
  early = Early({name: value + 1 for name, value in small_ticket.weights.items()}, 7)
  winner = dataclasses.replace(small_ticket, early=early)
  winner.save(tmp_path / 'ticket')
  read = Ticket.load(tmp_path / 'ticket')
  assert read.early.step == 7 and all(np.array_equal(value, early.values[name]) for name, value in read.early.values.items())
  assert read.fingerprint == winner.fingerprint != small_ticket.fingerprint
  (tmp_path / 'ticket' / 'early.safetensors').unlink()
  with pytest.raises(TicketError, match='A ticket can be read back whole'):
    Ticket.load(tmp_path / 'ticket')
  later = dataclasses.replace(winner, early=dataclasses.replace(early, step=8))
  later.save(tmp_path / 'later')
  assert later.fingerprint != winner.fingerprint and Ticket.load(tmp_path / 'later').early.step == 8
  facts = (tmp_path / 'later' / 'ticket.json').read_text()
  (tmp_path / 'later' / 'ticket.json').write_text(facts.replace('"early_step": 8', '"early_step": 7'))
  with pytest.raises(TicketError, match='match its fingerprint'):
    Ticket.load(tmp_path / 'later')
  dataclasses.replace(winner, early=dataclasses.replace(early, values=small_ticket.weights)).save(tmp_path / 'other')
  shutil.copy(tmp_path / 'other' / 'early.safetensors', tmp_path / 'ticket')
  with pytest.raises(TicketError, match='match its fingerprint'):
    Ticket.load(tmp_path / 'ticket')
  small_ticket.save(tmp_path / 'other')
  assert Ticket.load(tmp_path / 'other').early is None and not (tmp_path / 'other' / 'early.safetensors').exists()


@pytest.mark.parametrize('step', [-1, 'one', None, 1.5])
def test_early_weights_are_of_a_step(step, small_ticket, tmp_path):
  small_ticket.save(tmp_path / 'ticket')
  facts = json.loads((tmp_path / 'ticket' / 'ticket.json').read_text())
  (tmp_path / 'ticket' / 'ticket.json').write_text(json.dumps(facts | {'early_step': step}))
  with pytest.raises(TicketError, match='A ticket can be read back whole'):
    Ticket.load(tmp_path / 'ticket')
