"""The network without its dead units computes what it computed with them."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from st_tf.arch.specs import ArchSpec, BlockSpec, HeadSpec, StageSpec, layout
from st_tf.models import build, named_variables
from st_tf.models.activations import ACTIVATIONS
from st_tf.pruning import Cubic
from st_tf.pruning.fit import apply_ranking, wrap_layers
from st_tf.pruning.wrapper import effective_values, get_state, prunable, set_state
from st_tf.search import importance
from st_tf.search.shrink import Carrier, shrunk_arch, slices, take

ARCH = ArchSpec(
  stages=(StageSpec((1,), (4,)), StageSpec((1, 1), (4, 6))),
  stem_channels=(4, 4),
  input_stride=2,
  head_channels=(4, 6),
  last_channel=8,
  kernels=(3, 5),
  expansion=2,
)
HEAD = HeadSpec('classification', 3)
# Quicker to build: two kernels in two blocks only.
LEAN = dataclasses.replace(ARCH, stages=(StageSpec((1,), (4,)), StageSpec((1, 0), (4, 6))))
LEAN = LEAN.with_searched(
  {block.name: BlockSpec(((3, 8),)) for block in layout(LEAN, HEAD) if block.name not in ('stage1/branch0/block0', 'stage2/fuse/0to1')}
)
KEEPING = {block.name for block in layout(LEAN, HEAD) if block.keeps_shape}
SHAPE = (12, 8, 3)
BLOCK, DEAD_KERNEL = 'stage1/branch0/block0', 'stage2/fuse/0to1/k5'
DEAD_BLOCKS = ('stage2/branch0/block0', 'stage2/fuse/0to0', 'head/down0')


def with_tokens(arch, tokens):
  """`arch` with a transformer in every block that can have one."""
  return dataclasses.replace(
    arch,
    tokens=tokens,
    searched=tuple((name, dataclasses.replace(spec, tokens=tokens if name in KEEPING else 0)) for name, spec in arch.searched),
  )


def wrapper_of(reactivation):
  if reactivation is None:
    return lambda layer: layer
  return wrap_layers(Cubic(0.5, 0, 10, 1), reactivation, skip=lambda layer: layer.name == 'head/classifier')


def randomise(model, seed):
  """Batch norms far from their beginnings, so that constants matter."""
  rng = np.random.default_rng(seed)
  for name, variable in named_variables(model).items():
    part = name.rsplit('/', 1)[-1]
    if part in ('gamma', 'moving_variance'):
      variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    elif part in ('beta', 'moving_mean', 'shift', 'bias'):
      variable.assign(rng.normal(0, 0.7, variable.shape))


def kill(model, arch, seed):
  """Zero factors: some everywhere, all of a kernel, all of a few blocks, all tokens of one block; returns who is alive."""
  rng, variables = np.random.default_rng(seed), named_variables(model)
  for group in importance.groups_of(model, arch, HEAD):
    living = rng.random(group.units) < 0.6
    if group.block in DEAD_BLOCKS or group.name in (DEAD_KERNEL, 'stage1/fuse/0to0/transformer'):
      living[:] = False
    elif not living.any():
      living[0] = True
    variables[group.factor].assign(variables[group.factor] * living)
  factors = {group.name: variables[group.factor].numpy() for group in importance.groups_of(model, arch, HEAD)}
  return importance.alive(factors, 0.0)


def shrunk(model, arch, alive, reactivation=None, effective=None):
  """(the network without its dead units, its description)."""
  carrier = Carrier(arch, HEAD, alive, lambda x: ACTIVATIONS[arch.activation](tf.constant(x)).numpy())
  values = carrier.carry({name: variable.numpy() for name, variable in named_variables(model).items()}, effective or {})
  kept, left = slices(model, arch, HEAD, alive), shrunk_arch(arch, HEAD, alive)
  smaller = build(left, HEAD, SHAPE, wrapper_of(reactivation), seed=9)
  variables = named_variables(smaller)
  for name, value in take(values, kept, {name: tuple(variable.shape) for name, variable in variables.items()}).items():
    variables[name].assign(value)
  state = get_state(model)
  shapes = {name: tuple(state['mask'][name].shape) for name in prunable(smaller)}
  set_state(smaller, {part: take(entries, kept, shapes) for part, entries in state.items()})
  return smaller, left


@pytest.fixture(scope='module')
def images():
  return np.random.default_rng(0).normal(size=(3, *SHAPE)).astype(np.float32)


@pytest.mark.parametrize(
  'name, tokens, reactivation',
  [
    ('relu', 0, None),
    ('hard_swish', 3, None),
    ('relu', 3, 'soft_threshold'),
    ('hard_swish', 0, 'soft_threshold'),
    ('swish', 0, 'masked'),
  ],
)
def test_removing_units_with_zero_factors_leaves_the_function(name, tokens, reactivation, images):
  arch = with_tokens(dataclasses.replace(LEAN, activation=name), tokens)
  model = build(arch, HEAD, SHAPE, wrapper_of(reactivation), seed=1)
  randomise(model, seed=tokens)
  alive = kill(model, arch, seed=5)
  if reactivation:
    apply_ranking(model, 0.5, 'global', 0.01)
  expected = model(images).numpy()
  smaller, left = shrunk(model, arch, alive, reactivation, effective_values(model))
  np.testing.assert_allclose(smaller(images), expected, rtol=1e-5, atol=1e-5)
  assert smaller.count_params() < 0.8 * model.count_params()
  specs = {block.name: block.spec for block in layout(left, HEAD)}
  assert all(specs[block].kernels == () and specs[block].shift for block in DEAD_BLOCKS)
  assert [size for size, _ in specs['stage2/fuse/0to1'].kernels] == [3]
  # The constants matter: without those of the blocks that are gone the network is another.
  for variable in named_variables(smaller).values():
    if variable.name.endswith('shift:0'):
      variable.assign(np.zeros(variable.shape))
  assert np.abs(smaller(images) - expected).max() > 1e-3


def test_a_second_shrink_leaves_the_function_too(images):
  arch = with_tokens(LEAN, 3)
  model = build(arch, HEAD, SHAPE, seed=1)
  randomise(model, 3)
  alive = kill(model, arch, 5)
  smaller, left = shrunk(model, arch, alive)
  again = kill(smaller, left, 6)
  # Also what stands on a shift already: the last transformer goes after its block's kernels.
  dying = {name: np.zeros_like(units) if name.endswith('transformer') else units for name, units in again.items()}
  for name, units in dying.items():
    if name.endswith('transformer'):
      named_variables(smaller)[f'{name}/token_bn/gamma'].assign(np.zeros(len(units)))
  expected = smaller(images).numpy()
  smallest, last = shrunk(smaller, left, dying)
  np.testing.assert_allclose(smallest(images), expected, rtol=1e-5, atol=1e-5)
  assert not any(block.spec.tokens for block in layout(last, HEAD))


def test_a_constant_by_hand():
  """One block of one unit and one channel: BN(relu(beta) * w) becomes a shift, or moves the mean when a unit is left."""
  arch = dataclasses.replace(ARCH, stages=(StageSpec((1,), (1,)),), stem_channels=(1, 1), head_channels=(2,), kernels=(3,), expansion=2)
  values = {f'{BLOCK}/k3/factor_bn/beta': np.array([3.0, 1.0]), f'{BLOCK}/k3/project/kernel': np.array([[[[2.0], [7.0]]]])}
  values |= {f'{BLOCK}/bn/{part}': np.array([value]) for part, value in BATCH_NORM.items()}
  for name, value in defaults(arch).items():
    values.setdefault(name, value)
  alive = {f'{block.name}/k3': np.ones(block.spec.kernels[0][1], bool) for block in layout(arch, HEAD)}
  carried = Carrier(arch, HEAD, alive | {f'{BLOCK}/k3': np.array([False, True])}, relu).carry(values, {})
  assert carried[f'{BLOCK}/bn/moving_mean'] == pytest.approx([5 - 3 * 2])
  assert values[f'{BLOCK}/bn/moving_mean'] == [5]
  carried = Carrier(arch, HEAD, alive | {f'{BLOCK}/k3': np.array([False, False])}, relu).carry(values, {})
  constant = 3 * 2 + 1 * 7
  assert carried[f'{BLOCK}/shift/shift'] == pytest.approx([0.25 + 1.5 * (constant - 5) / np.sqrt(4 + 1e-3)])
  # Under pruning it is the kernel that the layer computes with.
  effective = {f'{BLOCK}/k3/project/kernel': np.array([[[[0.0], [7.0]]]])}
  carried = Carrier(arch, HEAD, alive | {f'{BLOCK}/k3': np.array([False, True])}, relu).carry(values, effective)
  assert carried[f'{BLOCK}/bn/moving_mean'] == pytest.approx([5])


BATCH_NORM = {'gamma': 1.5, 'beta': 0.25, 'moving_mean': 5.0, 'moving_variance': 4.0}


def relu(x):
  return np.maximum(x, 0)


def defaults(arch):
  return {name: variable.numpy() for name, variable in named_variables(build(arch, HEAD, SHAPE)).items()}


def everyone(arch):
  return {name: np.ones(units, bool) for block in layout(arch, HEAD) for name, units in block.units.items()}


def test_without_the_dead_the_description_stays():
  assert shrunk_arch(ARCH, HEAD, everyone(ARCH)) == ARCH


def test_units_kernels_and_blocks_go_from_the_description():
  arch = dataclasses.replace(ARCH, tokens=3)
  alive = everyone(arch)
  alive |= {f'{BLOCK}/k3': np.arange(8) < 5, f'{BLOCK}/transformer': np.array([True, False, True])}
  alive |= {DEAD_KERNEL: np.zeros(8, bool)}
  alive |= {f'stage2/fuse/0to0/{part}': np.zeros(8 if part != 'transformer' else 3, bool) for part in ('k3', 'k5', 'transformer')}
  found = dict(shrunk_arch(arch, HEAD, alive).searched)
  assert found == {
    BLOCK: BlockSpec(((3, 5), (5, 8)), 2),
    'stage2/fuse/0to1': BlockSpec(((3, 8),)),
    'stage2/fuse/0to0': BlockSpec((), 0, shift=True),
  }


def test_a_block_that_has_lost_its_tokens_alone_gets_a_shift():
  arch = dataclasses.replace(ARCH, tokens=3)
  alive = everyone(arch) | {f'{BLOCK}/transformer': np.zeros(3, bool)}
  assert dict(shrunk_arch(arch, HEAD, alive).searched) == {BLOCK: BlockSpec(((3, 8), (5, 8)), 0, shift=True)}


def test_slices_name_every_variable_with_an_axis_of_units():
  arch = with_tokens(LEAN, 3)
  alive, model = {name: np.arange(len(units)) % 2 == 0 for name, units in everyone(arch).items()}, build(arch, HEAD, SHAPE)
  kept = slices(model, arch, HEAD, alive)
  shapes = {name: variable.shape for name, variable in named_variables(model).items()}
  assert set(kept) <= set(shapes)
  assert all(max(indices) < shapes[name][axis] for name, cuts in kept.items() for axis, indices in cuts)
  ((axis, indices),) = kept[f'{BLOCK}/k3/project/kernel']
  assert axis == 2 and indices.tolist() == [0, 2, 4, 6]
  # Per kernel an expansion, a depthwise convolution, a projection and two batch norms; per transformer three and one.
  kernels = sum(len(block.spec.kernels) for block in layout(arch, HEAD))
  transformers = sum(bool(block.spec.tokens) for block in layout(arch, HEAD))
  assert len(kept) == kernels * (3 + 2 * 4) + transformers * (3 + 4)


def test_taking_slices_what_is_named_and_keeps_the_rest():
  values = {'a': np.arange(6).reshape(2, 3), 'b': np.arange(2), 'scalar': np.float32(7), 'gone': np.ones(3)}
  kept = {'a': ((1, np.array([0, 2])), (0, np.array([1]))), 'scalar': ((0, np.array([1])),)}
  taken = take(values, kept, {'a': (1, 2), 'b': (2,), 'scalar': (), 'shift': (4,)})
  assert taken['a'].tolist() == [[3, 5]] and taken['b'].tolist() == [0, 1]
  assert taken['scalar'] == 7 and taken['shift'].tolist() == [0] * 4 and 'gone' not in taken
