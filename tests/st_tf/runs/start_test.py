"""What a run starts as."""

import dataclasses

import numpy as np
import pytest

from st_tf.arch.specs import HeadSpec
from st_tf.config import ConfigError
from st_tf.models.reference import ReferenceWeightsError, reference_names
from st_tf.runs.cutting import cut
from st_tf.runs.start import fresh, load_weights, network
from st_tf.search.analysis import analyse
from st_tf.ticket import Provenance, Ticket, TicketError
from st_tf.training.plan import training_alone
from tests import tiny

HEAD = HeadSpec('classification', 3)


@pytest.fixture(scope='module')
def source(tmp_path_factory):
  """A ticket's folder and the ticket, of a network whose every variable differs from a fresh one's."""
  trainer = tiny.trainer(pruned=False, searching=False, seed=7)
  ticket = cut(trainer, [], 0.0, Provenance())
  path = tmp_path_factory.mktemp('ticket') / 'source'
  ticket.save(path)
  return path, ticket


def test_a_ticket_brings_its_architecture_and_its_weights(source):
  path, ticket = source
  config = tiny.config(init_from=str(path))
  assert network(tiny.task(), config) == ticket.arch
  trainer = tiny.trainer(pruned=False, searching=False, init_from=str(path))
  load_weights(trainer)
  for name, value in trainer.values().items():
    np.testing.assert_array_equal(value, ticket.weights[name])
  for name, value in trainer.averages.values().items():
    np.testing.assert_array_equal(value, ticket.weights[name])


def test_another_number_of_outputs_leaves_the_final_layer_fresh(source, tmp_path):
  _, ticket = source
  wider = {name: np.zeros((*value.shape[:-1], 5), np.float32) if 'classifier' in name else value for name, value in ticket.weights.items()}
  labelled = dataclasses.replace(ticket.task, labels=tuple('abcde'))
  dataclasses.replace(ticket, head=HeadSpec('classification', 5), weights=wider, task=labelled).save(tmp_path / 'wider')
  trainer = tiny.trainer(pruned=False, searching=False, init_from=str(tmp_path / 'wider'))
  fresh = trainer.values()['head/classifier/kernel']
  load_weights(trainer)
  np.testing.assert_array_equal(trainer.values()['head/classifier/kernel'], fresh)
  np.testing.assert_array_equal(trainer.values()['stem/conv0/kernel'], ticket.weights['stem/conv0/kernel'])


def test_a_ticket_and_a_supernet_contradict_each_other(source):
  with pytest.raises(ConfigError, match='A ticket brings its own architecture. Received: --init_from=.* and --supernet=tiny'):
    network(tiny.task(), tiny.config(init_from=str(source[0]), supernet='tiny'))


def test_a_ticket_that_is_not_there_is_what_the_message_is_about(tmp_path):
  with pytest.raises(TicketError, match='A ticket is a folder with ticket.json. Received: .*nothing'):
    network(tiny.task(), tiny.config(init_from=str(tmp_path / 'nothing'), supernet='tiny'))


def test_weights_of_the_reference_load_from_an_npz(tmp_path):
  trainer = tiny.trainer(pruned=False, searching=False, init_from=str(tmp_path / 'weights.npz'))
  names = reference_names(tiny.ARCH, HEAD)
  tensors = {}
  for name, value in trainer.values().items():
    layer, short = name.rsplit('/', 1)
    if short == 'calls':
      continue
    kind = {'gamma': 'weight', 'beta': 'bias', 'moving_mean': 'running_mean', 'moving_variance': 'running_var'}.get(short, short)
    kind = 'weight' if kind.endswith('kernel') else kind
    if value.ndim == 4:
      value = value.transpose(2, 3, 0, 1) if short == 'depthwise_kernel' else value.transpose(3, 2, 0, 1)
    tensors[f'{names[layer]}.{kind}'] = (value.T if value.ndim == 2 else value) + 1
  before = trainer.values()
  np.savez(tmp_path / 'weights.npz', **tensors)
  load_weights(trainer)
  for name, value in trainer.values().items():
    if not name.endswith('calls'):
      np.testing.assert_allclose(value, before[name] + 1, rtol=1e-6)


def test_a_missing_file_of_weights_is_named(tmp_path):
  trainer = tiny.trainer(pruned=False, searching=False, init_from=str(tmp_path / 'none.npz'))
  with pytest.raises(ReferenceWeightsError, match='Reference weights are an .npz file of plain arrays. Received: .*none.npz'):
    load_weights(trainer)


def test_a_trained_networks_ticket_goes_on_with_images_of_another_size(trained_ticket):
  folder, before = trained_ticket[0], Ticket.load(trained_ticket[0])
  task, config = tiny.four(), tiny.config(init_from=str(folder), method='fine_tune')
  arch = network(task, config)
  assert arch['expand0'].shape == (12, 12, 6) and arch[arch.outputs[0]].shape == (4,)
  trainer = fresh(task, config, training_alone(config, 6).holding(0.8), before)
  load_weights(trainer)
  assert trainer.arch == arch and trainer.supernet['expand0'].shape == (12, 12, 16) and trainer.untrained == {'head/classifier'}
  assert trainer.initial['macs'] == analyse(trainer.supernet).macs() and trainer.macs == analyse(arch).macs()
  np.testing.assert_array_equal(trainer.values()['expand0/kernel'], before.weights['expand0/kernel'])
