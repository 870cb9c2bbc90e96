"""Which channels are searched: in the high-resolution network those of its blocks and their tokens, else all that may go."""

import numpy as np
import pytest

from st_tf.arch.specs import ArchSpec, HeadSpec, StageSpec
from st_tf.models import build
from st_tf.pruning import Cubic
from st_tf.pruning.fit import wrap_layers
from st_tf.search.analysis import analyse
from st_tf.search.units import channels_of, searched
from tests.networks import inverted

ARCH = ArchSpec(
  stages=(StageSpec((0,), (4,)),),
  stem_channels=(5, 4),
  input_stride=1,
  head_channels=(6,),
  last_channel=8,
  kernels=(5, 3),
  expansion=2,
  tokens=3,
)
HEAD = HeadSpec('classification', 3)
FUSE = 'stage1/fuse/0to0'
NORM = ('beta', 'gamma', 'moving_mean', 'moving_variance')


@pytest.fixture(scope='module')
def channels():
  """Of the network as it is trained: in pruning wrappers."""
  return channels_of(build(ARCH, HEAD, (8, 8, 3), wrap_layers(Cubic(0.5, 0, 10, 1), 'masked')), ARCH)


def test_groups_are_searched_in_network_order_and_under_their_blocks_names(channels):
  found = searched(channels, ARCH, HEAD)
  # The block of the head does not keep its shape, so it has no tokens.
  assert [*found] == [f'{FUSE}/k5', f'{FUSE}/k3', f'{FUSE}/transformer', 'head/increase0/k5', 'head/increase0/k3']
  assert [group.units for group in found.values()] == [8, 8, 3, 8, 8]
  assert found[f'{FUSE}/k3'].name == f'{FUSE}/k3/expand' and found[f'{FUSE}/transformer'].name == f'{FUSE}/transformer/tokenize'


def test_channels_outside_of_blocks_could_go_and_are_not_searched(channels):
  outside = {group.name for group in channels.searchable()} - {group.name for group in searched(channels, ARCH, HEAD).values()}
  assert outside == {'stem/conv0', 'head/last'}


def test_what_is_cut_along_with_a_unit_of_a_kernel_and_with_a_token(channels):
  kernel, tokens = (searched(channels, ARCH, HEAD)[f'{FUSE}/{part}'] for part in ('k3', 'transformer'))
  cuts = {name: [axis for axis, _ in cut] for name, cut in channels.slices({kernel.name: np.arange(8) < 5}).items()}
  norms = {f'{FUSE}/k3/{norm}/{part}': [0] for norm in ('expand_bn', 'factor_bn') for part in NORM}
  kernels = {'expand/kernel': [3], 'depthwise/depthwise_kernel': [2], 'project/kernel': [2]}
  assert cuts == {f'{FUSE}/k3/{name}': axes for name, axes in kernels.items()} | norms
  cuts = {name: [axis for axis, _ in cut] for name, cut in channels.slices({tokens.name: np.arange(3) < 2}).items()}
  own = {'tokenize/kernel': [3], 'attention/queries': [0], 'untokenize/kernel': [2]} | {f'token_bn/{part}': [0] for part in NORM}
  assert cuts == {f'{FUSE}/transformer/{name}': axes for name, axes in own.items()}


def test_of_any_other_network_all_groups_that_may_go_are_searched():
  graph = inverted()
  channels = channels_of(None, graph)
  assert channels is analyse(graph)
  assert [*searched(channels, graph, HEAD).items()] == [(group.name, group) for group in channels.searchable()] != []
