import dataclasses
import functools
import types

import numpy as np
import pytest
import tf_keras as keras

from st_tf.arch.presets import PRESETS
from st_tf.arch.specs import BlockSpec, HeadSpec, SpecError, StageSpec, layout
from st_tf.config import ConfigError
from st_tf.models import build, named_variables, starts
from st_tf.models.graph import build_graph, graph_of
from st_tf.ticket import Ticket, moving
from tests import networks, tiny

CLASSES, MAPS = HeadSpec('classification', 3), HeadSpec('dense', 5)
FOUR = HeadSpec('classification', 4)
# As the presets `mobile` and `mobile_dense`, with two small branches of four.
SMALL = dataclasses.replace(
  PRESETS['mobile'], stages=(StageSpec((1,), (4,)), StageSpec((1, 0), (4, 8))), stem_channels=(4, 4), head_channels=(8, 12), last_channel=16
)
SMALL_DENSE = dataclasses.replace(SMALL, last_channel=6)


@functools.cache
def names(arch, head):
  return {name: tuple(variable.shape) for name, variable in named_variables(build(arch, head, (32, 32, 3))).items()}


@pytest.mark.parametrize(('before', 'after'), [(CLASSES, MAPS), (MAPS, CLASSES), (MAPS, HeadSpec('dense', 7)), (CLASSES, CLASSES)])
def test_all_variables_of_the_body_stay_in_their_shapes(before, after):
  arch = SMALL if before.kind == 'classification' else SMALL_DENSE
  block = layout(arch, before)[3]
  arch = arch.with_searched({block.name: BlockSpec(((3, 2),))})
  ends = SMALL if after.kind == 'classification' else SMALL_DENSE
  found, old = names(moving.moved(arch, before, after, ends), after), names(arch, before)
  body = {name for name in old if moving.is_body(name, before, after)}
  assert {name: old[name] for name in body} == {name: found[name] for name in body}
  assert any(f'{block.name}/k3' in name for name in body) and not any(f'{block.name}/k5' in name for name in body)
  assert {name.split('/')[0] for name in found.keys() - body} == {'head'}
  if before.kind == after.kind:
    assert {name.rsplit('/', 1)[0] for name in found.keys() - body} == {'head/classifier'}


def test_a_new_head_has_the_widths_of_the_other_task_and_none_of_the_old_search():
  arch = PRESETS['mobile'].with_searched({'head/increase0': BlockSpec(((3, 1),))})
  found = moving.moved(arch, CLASSES, MAPS, PRESETS['mobile_dense'])
  assert found == PRESETS['mobile_dense']
  back = moving.moved(found, MAPS, CLASSES, PRESETS['mobile'])
  assert back == PRESETS['mobile']


def test_a_body_of_other_branches_gets_a_width_for_each():
  body, ends = dataclasses.replace(PRESETS['tiny_dense'], head_channels=()), PRESETS['mobile']
  branches = len(body.stages[-1].channels)
  assert 0 < branches < len(ends.head_channels)
  found = moving.moved(body, MAPS, CLASSES, ends)
  assert found.head_channels == ends.head_channels[:branches] and found.last_channel == 960 and layout(found, CLASSES)
  found = moving.moved(PRESETS['mobile_dense'], MAPS, CLASSES, dataclasses.replace(PRESETS['tiny'], head_channels=(8, 16)))
  assert found.head_channels == (8, 16) + (16,) * (len(PRESETS['mobile_dense'].stages[-1].channels) - 2) and layout(found, CLASSES)


def test_the_input_stride_may_change():
  found = moving.moved(SMALL_DENSE, MAPS, MAPS, SMALL_DENSE, input_stride=2)
  assert found == dataclasses.replace(SMALL_DENSE, input_stride=2)
  assert names(found, MAPS) == names(SMALL_DENSE, MAPS)


@pytest.fixture(scope='module')
def trained(trained_ticket):
  return Ticket.load(trained_ticket[0])


def test_a_trained_network_gets_as_many_outputs_as_the_other_task_and_its_images(trained):
  found = moving.moved_graph(trained.arch, trained.head, FOUR, (12, 10))
  before, after = names(trained.arch, trained.head), names(found, FOUR)
  assert {name for name in after if after[name] != before[name]} == {'head/classifier/kernel', 'head/classifier/bias'}
  assert after['head/classifier/bias'] == (4,) and found['expand0'].shape == (12, 10, 6) and found[found.outputs[0]].shape == (4,)
  assert moving.moved_graph(trained.arch, trained.head, trained.head, trained.input_shape[:2]) is trained.arch
  back = moving.moved_graph(found, FOUR, trained.head, trained.input_shape[:2])
  assert back == trained.arch


def test_a_trained_network_does_not_go_where_it_cannot(trained):
  with pytest.raises(ConfigError, match='between tasks with classes. Received: one of classification, and a task of dense. Draw'):
    moving.moved_graph(trained.arch, trained.head, MAPS, (12, 12))
  image = keras.Input((8, 8, 3))
  flat = keras.layers.Dense(4, name='hidden')(keras.layers.Flatten()(keras.layers.Conv2D(2, 3)(image)))
  graph = graph_of(keras.Model(image, keras.layers.Dense(3, name='head/classifier')(flat)))
  assert moving.moved_graph(graph, CLASSES, FOUR, (8, 8))['hidden'] == graph['hidden']
  with pytest.raises(ConfigError, match='Received: pictures of 12x12 pixels, for which hidden has others. Give the size of its own'):
    moving.moved_graph(graph, CLASSES, FOUR, (12, 12))


def test_what_a_trained_networks_ticket_has_of_its_supernet_are_the_units_that_are_left(trained):
  whole = {name: np.random.default_rng(0).normal(size=shape) for name, shape in names(trained.supernet, trained.head).items()}
  found = moving.left_of(whole, trained, build_graph(trained.supernet))
  assert {name: value.shape for name, value in found.items()} == {name: value.shape for name, value in trained.weights.items()}
  np.testing.assert_array_equal(found['expand0/kernel'], whole['expand0/kernel'][..., trained.survivors['expand0']])
  again = moving.left_of(found, trained, build_graph(trained.supernet))  # Of its size already.
  assert all(np.array_equal(again[name], value) for name, value in found.items())


def test_a_trained_networks_first_values_are_those_of_its_file(trained, trained_ticket, trained_file, tmp_path):
  _, task, config = trained_ticket
  given = starts.start(config.supernet, '', config.pixels, task.head, task.image_size).values
  found = moving.first_values(trained)
  np.testing.assert_array_equal(found['expand0/kernel'], given['expand0/kernel'][..., trained.survivors['expand0']])
  np.testing.assert_array_equal(found['maps/kernel'], given['maps/kernel'])
  assert (found['maps/kernel'] != trained.weights['maps/kernel']).any()

  def of(path):
    facts = dataclasses.replace(trained.provenance, config=trained.provenance.config | {'supernet': f'keras:{path}'})
    return dataclasses.replace(trained, provenance=facts)

  networks.residual(tiny.SIDE, blocks=2).save(tmp_path / 'other.keras')
  with pytest.raises(ConfigError, match=r'Received: --rewind, and another network in keras:.*other.keras than the ticket was drawn from'):
    moving.first_values(of(tmp_path / 'other.keras'))
  with pytest.raises(SpecError, match='gone.keras'):
    moving.first_values(of(tmp_path / 'gone.keras'))


def masked(head, *names):
  """Stands for a ticket that prunes these kernels."""
  return types.SimpleNamespace(head=head, masks=dict.fromkeys(names))


def test_what_a_ticket_has_pruned_is_told_by_its_masks():
  names = ('stage1/block/k3/depthwise/depthwise_kernel', 'stage1/block/skip/kernel', 'head/transform/k3/expand/kernel')
  found = moving.pruned_layers(masked(MAPS, *names, 'head/classifier/kernel'), MAPS)
  assert [name for name, pruned in found.items() if pruned] == ['prune_depthwise', 'prune_head', 'prune_skip']
  # Under a head of another kind the old one's masks are gone.
  assert not moving.pruned_layers(masked(MAPS, *names), CLASSES)['prune_head']
  # A ticket that has moved once already: its body is pruned, its head was new there.
  assert [*moving.pruned_layers(masked(MAPS, 'stem/conv1/kernel'), MAPS).values()] == [False, True, False, False, False]
  # Depthwise kernels are pruned by a setting of their own, in the stem and in the head too.
  for name in ('stem/depthwise1/depthwise_kernel', 'head/transform/k3/depthwise/depthwise_kernel'):
    assert [*moving.pruned_layers(masked(MAPS, name), MAPS).values()] == [True, False, False, False, False]


@pytest.mark.slow
def test_the_first_values_are_those_the_run_began_with_where_units_are_left(tmp_path):
  ticket, _ = tiny.draw(tmp_path / 'run', target_macs=0.7, sparsity=(0.5,), search_interval=0.3, minimum_saving=0.1)
  assert ticket.arch != ticket.supernet
  before = {name: variable.numpy() for name, variable in tiny.trainer(pruned=False).variables.items()}
  found = moving.first_values(ticket)
  assert {name: value.shape for name, value in found.items()} == {name: value.shape for name, value in ticket.weights.items()}
  shrunk = 0
  for group, units in ticket.survivors.items():
    name = f'{group}/expand/kernel'
    if units and name in found:
      np.testing.assert_array_equal(found[name], before[name][..., units])
      shrunk += len(units) < before[name].shape[-1]
  assert shrunk
  np.testing.assert_array_equal(found['stem/conv0/kernel'], before['stem/conv0/kernel'])
  assert (found['stem/conv0/kernel'] != ticket.weights['stem/conv0/kernel']).any()


def test_a_shuffled_mask_keeps_as_many_weights_of_each_layer():
  masks = {name: np.random.default_rng(0).random((1, 1, 8, 9)) < share for name, share in (('a', 0.1), ('b', 0.7))}
  found, again, other = moving.shuffled(masks, 1), moving.shuffled(masks, 1), moving.shuffled(masks, 2)
  for name, mask in masks.items():
    assert found[name].sum() == mask.sum() and found[name].shape == mask.shape and (found[name] != mask).any()
    np.testing.assert_array_equal(found[name], again[name])
    assert (found[name] != other[name]).any()
