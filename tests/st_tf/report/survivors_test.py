"""The picture of the network shows every block where it is, and every unit at its original place."""

import dataclasses

import pytest

from st_tf.arch.presets import PRESETS
from st_tf.arch.specs import BlockSpec, HeadSpec, layout
from st_tf.report.survivors import Strip, network, place, runs
from st_tf.ticket import Ticket

HEAD = HeadSpec('classification', 10)
TINY = PRESETS['tiny']
BLOCK = 'stage2/branch0/block0'


def test_runs_join_neighbours():
  assert runs([1, 2, 5, 7, 8, 9]) == [(1, 2), (5, 1), (7, 3)]
  assert runs([]) == []


def test_a_strip_fills_its_survivors():
  assert Strip('3×3', 8, (0, 1, 5)).path == 'M0 0h2v1h-2zM5 0h1v1h-1z'


@pytest.mark.parametrize(
  'name, row, column, label',
  [
    ('stage2/fuse/0to1', 1, ('stage 2', 'fuse'), '0→1'),
    ('stage3/branch2/block1', 2, ('stage 3', 'blocks'), '1'),
    ('head/increase1', 1, ('head', 'increase'), ''),
    ('head/down1', 2, ('head', 'down'), ''),
    ('head/transform', 0, ('head', 'transform'), 'transform'),
  ],
)
def test_a_block_has_a_place(name, row, column, label):
  assert place(name) == (row, column, label)


def test_an_unknown_block_has_none():
  with pytest.raises(ValueError, match="'tail/block'"):
    place('tail/block')


@pytest.mark.parametrize('preset', PRESETS)
def test_every_block_of_every_preset_is_shown_once(preset):
  arch = PRESETS[preset]
  found = network(arch, arch, HEAD, {}, (64, 64))
  assert sorted(block.name for block in found.blocks) == sorted(block.name for block in layout(arch, HEAD))
  assert all(len(strip.alive) == strip.total for strip in found.strips)


def test_rows_say_how_large_a_branch_is():
  assert network(TINY, TINY, HEAD, {}, (32, 24)).rows == (('branch 0', '8×6'), ('branch 1', '4×3'))


def test_survivors_keep_their_index_and_what_is_gone_is_gone():
  arch = TINY.with_searched({BLOCK: BlockSpec(((5, 3),)), 'stage2/fuse/0to0': BlockSpec(())})
  survivors = {f'{BLOCK}/k5': [2, 3, 9], f'{BLOCK}/k3': []}
  blocks = {block.name: block for block in network(TINY, arch, HEAD, survivors, (32, 32)).blocks}
  assert [strip.alive for strip in blocks[BLOCK].strips] == [(), (2, 3, 9)]
  assert not blocks[BLOCK].is_dead
  assert blocks['stage2/fuse/0to0'].is_dead


def test_tokens_are_a_strip_of_their_own():
  supernet = dataclasses.replace(TINY, tokens=4)
  kernels = tuple((size, 32) for size in TINY.kernels)
  arch = supernet.with_searched({BLOCK: BlockSpec(kernels, tokens=2)})
  found = network(supernet, arch, HEAD, {f'{BLOCK}/transformer': [0, 3]}, (32, 32))
  strips = next(block for block in found.blocks if block.name == BLOCK).strips
  assert strips[-1] == Strip('tokens', 4, (0, 3))


def test_survivors_that_do_not_fit_the_architecture_are_refused():
  with pytest.raises(ValueError, match='Received: 1 for 32 of stage2/branch0/block0/k3'):
    network(TINY, TINY, HEAD, {f'{BLOCK}/k3': [4]}, (32, 32))


def test_a_trained_network_shows_which_channels_of_which_layer_are_left(trained_ticket):
  ticket = Ticket.load(trained_ticket[0])
  found = network(ticket.supernet, ticket.arch, ticket.head, ticket.survivors, ticket.input_shape[:2])
  assert found.rows == (('maps 0', '8×8'),) and not found.has_branches
  first, second = found.cells[0, 0]
  assert (first.label, first.strips) == ('expand0: 6 of 16', (Strip('', 16, tuple(ticket.survivors['expand0'])),))
  assert second.label == 'maps: 8 of 8'
  with pytest.raises(ValueError, match='Received: 1 for 6 of expand0'):
    network(ticket.supernet, ticket.arch, ticket.head, {'expand0': [4]}, ticket.input_shape[:2])


def test_the_page_of_a_trained_network_speaks_of_scores_and_not_of_factors(trained_ticket):
  text = (trained_ticket[0] / 'report' / 'index.html').read_text()
  assert '14 of 24 units (58.3%) are left, in 2 channel groups.' in text and 'expand0, 6 of 16 left' in text
  assert '<dt>Score</dt>' in text and 'importance factor' not in text.lower().partition('<h2>words</h2>')[2]
