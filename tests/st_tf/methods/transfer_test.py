import dataclasses
import types

import numpy as np
import pytest

from st_tf import task
from st_tf.config import Config, ConfigError
from st_tf.methods import transfer
from st_tf.methods.transfer import trainer
from st_tf.models import build
from st_tf.runs.workdir import Workdir
from st_tf.ticket import Ticket, TicketError, moving
from tests import tiny


@pytest.fixture(scope='module')
def source(searched):
  """A ticket of classification, searched and pruned, and its folder."""
  folder = searched / 'sparsity_0.5'
  return Ticket.load(folder), folder


@pytest.fixture(scope='module')
def maps():
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr('tasks.shapes_segmentation.SIZES', {'train': 32, 'validation': 16, 'test': 16})
    return task.load('shapes_segmentation', task.DataConfig(image_size=32))


def configured(folder, **changes):
  given = {'method': 'transfer', 'init_from': str(folder), 'epochs': 1, 'batch_size': 16, 'task': 'shapes_segmentation', 'image_size': 32}
  return tiny.config(**given | changes)


def moved(source, maps, tmp_path, **changes):
  config = configured(source[1], **changes)
  return transfer.draw(maps, config, Workdir(tmp_path / 'run', config))


def body(ticket, values, head):
  return {name: value for name, value in values.items() if moving.is_body(name, ticket.head, head)}


def test_architecture_mask_and_weights_of_the_body_go_along(source, maps, tmp_path):
  ticket, _ = source
  found = moved(source, maps, tmp_path, learning_rate=1e-12, weight_decay=0.0, recalibration_batches=0, ema_decay=0.0)
  assert found.head == maps.head and found.task.name == 'shapes_segmentation'
  assert found.provenance.source == ticket.fingerprint
  masks = body(ticket, ticket.masks, maps.head)
  assert masks and set(found.masks) == set(masks)
  for name, mask in masks.items():
    np.testing.assert_array_equal(found.masks[name], mask)
  kernels = {name: value for name, value in body(ticket, ticket.weights, maps.head).items() if name.endswith('kernel')}
  for name, value in kernels.items():
    np.testing.assert_allclose(found.weights[name], value, atol=1e-6)
  assert dict(found.arch.searched) == {name: spec for name, spec in ticket.arch.searched if not name.startswith('head/')}
  assert found.cost.supernet_macs > found.cost.macs > found.cost.nonzero_macs
  assert 0 <= found.metrics['validation']['miou'] <= 1


@pytest.mark.slow
def test_the_sparsity_is_that_of_the_weights_that_stay_prunable(source, maps, tmp_path):
  ticket, _ = source
  found = moved(source, maps, tmp_path)
  masks = body(ticket, ticket.masks, maps.head).values()
  zeros, prunable = (sum(map(count, masks)) for count in (lambda mask: int((~mask).sum()), np.size))
  assert found.sparsity == pytest.approx(zeros / prunable, abs=5e-5) and found.sparsity != 0.5
  assert (found.cost.zeros, found.cost.prunable) == (zeros, prunable)
  # Of the supernet, by hand: as many kernels as its body has that the source pruned.
  layers = []
  build(found.supernet, ticket.head, ticket.input_shape, wrap=lambda layer: layers.append(layer) or layer)
  kernels = [layer.weights[0] for layer in layers if not layer.name.startswith(('stem/', 'head/'))]
  assert found.cost.supernet_prunable == sum(int(np.prod(kernel.shape)) for kernel in kernels)
  assert found.cost.supernet_zeros == found.cost.supernet_prunable - prunable + zeros
  dense = moved(source, maps, tmp_path / 'dense', control='dense_body')
  assert (dense.sparsity, dense.cost.prunable, dense.cost.supernet_prunable, dense.cost.supernet_zeros) == (0, 0, 0, 0)


@pytest.mark.slow
def test_a_ticket_that_did_not_begin_with_its_seed_is_not_rewound(source, maps, tmp_path):
  there = moved(source, maps, tmp_path / 'there')
  there.save(tmp_path / 'ticket')
  config = configured(tmp_path / 'ticket', rewind=True)
  with pytest.raises(
    ConfigError, match=r'drew from its seed\. Received: --rewind and a ticket whose run began with the weights of .*searched'
  ):
    transfer.settled(maps, config)


def test_what_stays_behind_does_not_count_for_the_sparsity(maps, monkeypatch):
  masks = {'stem/conv1/kernel': np.array([1, 0, 0, 0])}
  ticket = types.SimpleNamespace(head=maps.head, sparsity=0.5, masks=masks)
  monkeypatch.setattr('st_tf.methods.transfer.source', lambda config: ticket)
  assert transfer.settled(maps, Config()).pruning.sparsity == (0.5,)
  masks['head/classifier/kernel'] = np.array([0, 0, 1, 1, 1, 1])
  assert transfer.settled(maps, Config()).pruning.sparsity == (0.75,)


@pytest.mark.slow
def test_between_two_tasks_with_maps_the_head_stays_but_for_its_last_layer(source, maps, tmp_path):
  there = moved(source, maps, tmp_path / 'there', reactivate=True, epochs=2, prune_interval=0.2)
  there.save(tmp_path / 'ticket')
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr('tasks.shapes_keypoints.SIZES', {'train': 32, 'validation': 16, 'test': 16})
    joints = task.load('shapes_keypoints', task.DataConfig(image_size=32))
  config = configured(
    tmp_path / 'ticket', task='shapes_keypoints', learning_rate=1e-12, weight_decay=0.0, recalibration_batches=0, ema_decay=0.0
  )
  found = transfer.draw(joints, config, Workdir(tmp_path / 'joints', config))
  assert found.sparsity == there.sparsity == 0.5 and found.arch == there.arch and 'head/transform/k3/expand/kernel' in found.masks
  for name, mask in there.masks.items():
    np.testing.assert_array_equal(found.masks[name], mask)
    np.testing.assert_allclose(found.weights[name], there.weights[name], atol=1e-6)
  assert found.weights['head/classifier/kernel'].shape[-1] == 3 and 'pck' in found.metrics['validation']


def test_the_weights_learn_under_the_mask(source, maps, tmp_path):
  found = moved(source, maps, tmp_path)
  for name, mask in found.masks.items():
    assert not found.weights[name][~mask].any() and (found.weights[name] != source[0].weights[name]).any()


def test_a_frozen_body_stays_bit_for_bit_with_its_statistics_and_the_head_learns(source, maps, tmp_path):
  ticket, _ = source
  found = moved(source, maps, tmp_path, freeze_body=True)
  for name, value in body(ticket, ticket.weights, maps.head).items():
    np.testing.assert_array_equal(found.weights[name], value, err_msg=name)
  first = trainer(maps, configured(source[1]), transfer.plan(configured(source[1]), 2)).values()
  assert (found.weights['head/classifier/kernel'] != first['head/classifier/kernel']).any()


def start(source, maps, **changes):
  """(trainer before its first step, its effective masked weights)."""
  config = configured(source[1], **changes)
  found = trainer(maps, config, transfer.plan(config, 2))
  transfer._give_weights(found, source[0])
  return found, found.values()


def test_rewound_weights_are_those_the_run_began_with_under_the_mask(source, maps):
  _, values = start(source, maps, rewind=True)
  first = moving.first_values(source[0])
  for name, mask in body(source[0], source[0].masks, maps.head).items():
    np.testing.assert_array_equal(values[name], first[name] * mask)


def test_controls_exchange_what_they_say(source, maps):
  ticket = source[0]
  masks = body(ticket, ticket.masks, maps.head)
  random, values = start(source, maps, control='random_weights')
  shuffled, _ = start(source, maps, control='random_mask')
  dense, kept = start(source, maps, control='dense_body')
  first = moving.first_values(ticket)
  for name, mask in masks.items():
    np.testing.assert_array_equal(random.mask[name], mask)
    assert shuffled.mask[name].sum() == mask.sum()
    np.testing.assert_array_equal(kept[name], ticket.weights[name])
    if mask.any():
      assert (values[name] != ticket.weights[name]).any() and (values[name] != first[name] * mask).any()
  assert any((shuffled.mask[name] != mask).any() for name, mask in masks.items())
  assert not dense.mask and dense.arch == random.arch


@pytest.mark.slow
def test_with_reactivation_the_mask_changes_and_the_sparsity_stays(source, maps, tmp_path):
  found = moved(source, maps, tmp_path, reactivate=True, epochs=3, prune_interval=0.2, prune_end=0.7)
  masks = body(source[0], source[0].masks, maps.head)
  zeros = sum(int((~mask).sum()) for mask in found.masks.values())
  assert zeros == round(0.5 * sum(mask.size for mask in found.masks.values())) and 'head/transform/k3/expand/kernel' in found.masks
  assert any((found.masks[name] & ~mask).any() for name, mask in masks.items() if name in found.masks)


def test_the_input_stride_may_change_and_weights_and_mask_carry_over(source, maps):
  found, values = start(source, maps, input_stride=2)
  before, kept = start(source, maps)
  assert found.model.output_shape[1] * 2 == before.model.output_shape[1] * before.arch.input_stride
  for name in before.mask:
    np.testing.assert_array_equal(values[name], kept[name])


@pytest.mark.slow
def test_an_interrupted_move_goes_on(source, maps, tmp_path):
  config = configured(source[1], epochs=2)
  whole = transfer.draw(maps, config, Workdir(tmp_path / 'whole', config))
  with tiny.interrupted():
    transfer.draw(maps, config, Workdir(tmp_path / 'parts', config))
  assert transfer.draw(maps, config, Workdir(tmp_path / 'parts', config)).fingerprint == whole.fingerprint


@pytest.mark.slow
def test_maps_become_classes_again(source, maps, tmp_path):
  there = moved(source, maps, tmp_path / 'there')
  there.save(tmp_path / 'ticket')
  config = tiny.config(method='transfer', init_from=str(tmp_path / 'ticket'), epochs=1)
  back = transfer.draw(tiny.task(), config, Workdir(tmp_path / 'back', config))
  assert back.head == tiny.task().head and 'top1' in back.metrics['validation'] and back.provenance.source == there.fingerprint


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'control': 'random_mask', 'rewind': True}, r'and random weights without --rewind\. Received: random_mask'),
    ({'control': 'dense_body', 'reactivate': True}, r'--control goes without --reactivate, .* Received: dense_body'),
    ({'control': 'random_mask', 'freeze_body': True}, r'--freeze_body keeps weights and mask of the body'),
    ({'input_stride': 3}, r"--input_stride is 1, 2 or 4; 0 = the ticket's\. Received: 3"),
  ],
)
def test_settings_that_contradict_each_other_are_refused(source, changes, message):
  with pytest.raises(ConfigError, match=message):
    configured(source[1], **changes)


def test_a_ticket_is_needed_and_no_supernet(source, maps, tmp_path):
  with pytest.raises(ConfigError, match=r'--method=transfer trains a ticket\. Received: no --init_from'):
    transfer.plan(tiny.config(method='transfer'), 2)
  with pytest.raises(TicketError, match='A ticket is a folder with ticket.json'):
    transfer.plan(configured(tmp_path / 'gone'), 2)
  config = dataclasses.replace(configured(source[1]), supernet='tiny')
  with pytest.raises(ConfigError, match=r'A ticket brings its own body\. Received: --supernet=tiny'):
    trainer(maps, config, transfer.plan(config, 2))


def test_a_trained_network_has_no_other_stem(trained_ticket):
  config = tiny.config(method='transfer', init_from=str(trained_ticket[0]), input_stride=2)
  with pytest.raises(ConfigError, match='--input_stride is of presets. Received: 2, and a ticket of a trained network. Leave it out'):
    trainer(tiny.four(), config, transfer.plan(config, 6))
