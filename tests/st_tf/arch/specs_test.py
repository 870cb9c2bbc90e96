import dataclasses
import json

import pytest

from st_tf.arch.specs import ArchSpec, BlockSpec, HeadSpec, SpecError, StageSpec, layout
from st_tf.errors import UserError

CLASSES = HeadSpec('classification', 10)
SMALL = ArchSpec(
  stages=(StageSpec((1,), (4,)), StageSpec((2, 1), (4, 8))),
  stem_channels=(4, 4),
  head_channels=(8, 16),
  last_channel=32,
  kernels=(3, 5),
  expansion=2,
)


def test_a_layout_lists_the_blocks_in_network_order_under_their_own_and_the_references_names():
  blocks = layout(SMALL, CLASSES)
  assert [(block.name, block.reference) for block in blocks] == [
    ('stage1/fuse/0to0', 'features.0.fuse_layers.0.0'),
    ('stage1/branch0/block0', 'features.1.branches.0.0'),
    ('stage2/fuse/0to0', 'features.2.fuse_layers.0.0'),
    ('stage2/fuse/0to1', 'features.2.fuse_layers.1.0'),
    ('stage2/branch0/block0', 'features.3.branches.0.0'),
    ('stage2/branch0/block1', 'features.3.branches.0.1'),
    ('stage2/branch1/block0', 'features.3.branches.1.0'),
    ('head/increase0', 'features.4.incre_modules.0'),
    ('head/increase1', 'features.4.incre_modules.1'),
    ('head/down0', 'features.4.downsamp_modules.0'),
  ]


def test_a_layout_gives_each_block_its_channels_stride_and_units():
  blocks = {block.name: block for block in layout(SMALL, CLASSES)}
  shapes = {name: (block.in_channels, block.out_channels, block.stride) for name, block in blocks.items()}
  assert shapes['stage1/fuse/0to0'] == (4, 4, 1)
  assert shapes['stage2/fuse/0to1'] == (4, 8, 2)
  assert shapes['stage2/branch1/block0'] == (8, 8, 1)
  assert shapes['head/increase1'] == (8, 16, 1)
  assert shapes['head/down0'] == (8, 16, 2)
  # Two units per kernel and input channel.
  assert blocks['stage2/fuse/0to1'].spec == BlockSpec(((3, 8), (5, 8)))
  assert blocks['head/increase1'].spec == BlockSpec(((3, 16), (5, 16)))
  assert blocks['head/increase1'].units == {'head/increase1/k3': 16, 'head/increase1/k5': 16}
  tokens = dataclasses.replace(blocks['head/down0'], spec=BlockSpec(((5, 2),), tokens=3))
  assert tokens.units == {'head/down0/k5': 2, 'head/down0/transformer': 3}
  assert [name for name, block in blocks.items() if block.keeps_shape] == [
    'stage1/fuse/0to0',
    'stage1/branch0/block0',
    'stage2/fuse/0to0',
    'stage2/branch0/block0',
    'stage2/branch0/block1',
    'stage2/branch1/block0',
  ]


def test_equal_branches_are_fused_with_their_neighbours_in_both_directions():
  three = StageSpec((0, 0, 0), (4, 8, 16))
  arch = dataclasses.replace(SMALL, stages=(*SMALL.stages, three, three))
  fuse = [block for block in layout(arch, HeadSpec('dense', 3)) if block.name.startswith('stage4/fuse')]
  assert [(block.name.split('/')[-1], block.reference, block.stride) for block in fuse] == [
    ('0to0', 'features.6.fuse_layers.0.0', 1),
    ('1to0', 'features.6.fuse_layers.0.1.0', 1),
    ('0to1', 'features.6.fuse_layers.1.0.0', 2),
    ('1to1', 'features.6.fuse_layers.1.1', 1),
    ('2to1', 'features.6.fuse_layers.1.2.0', 1),
    ('1to2', 'features.6.fuse_layers.2.1.0', 2),
    ('2to2', 'features.6.fuse_layers.2.2', 1),
  ]


def test_a_new_branch_is_made_from_the_fused_channels_of_the_branch_above():
  arch = dataclasses.replace(SMALL, stages=(StageSpec((1,), (4,)), StageSpec((1, 1), (6, 8))))
  blocks = {block.name: block for block in layout(arch, CLASSES)}
  assert blocks['stage2/fuse/0to0'].out_channels == 6
  assert blocks['stage2/fuse/0to1'].in_channels == 6


def test_a_dense_head_is_one_block_over_all_branches():
  last = layout(SMALL, HeadSpec('dense', 3))[-1]
  assert (last.name, last.in_channels, last.out_channels, last.stride) == ('head/transform', 4 + 8, 32, 1)


def test_tokens_go_to_the_blocks_whose_skip_is_the_identity():
  blocks = layout(dataclasses.replace(SMALL, tokens=5), CLASSES)
  assert all(block.spec.tokens == (5 if block.keeps_shape else 0) for block in blocks)


def test_what_a_search_left_replaces_a_block_and_later_searches_replace_earlier_ones():
  name = 'stage1/branch0/block0'
  once = SMALL.with_searched({name: BlockSpec(((5, 3),)), 'head/down0': BlockSpec((), shift=True)})
  twice = once.with_searched({name: BlockSpec(((5, 1),))})
  blocks = {block.name: block.spec for block in layout(twice, CLASSES)}
  assert blocks[name] == BlockSpec(((5, 1),))
  assert blocks['head/down0'] == BlockSpec((), shift=True)
  assert blocks['stage1/fuse/0to0'] == BlockSpec(((3, 8), (5, 8)))


@pytest.mark.parametrize('arch', [SMALL, SMALL.with_searched({'head/down0': BlockSpec(((3, 2),), tokens=1, shift=True)})])
def test_a_network_survives_json(arch):
  assert ArchSpec.from_json(json.dumps(arch.to_json())) == arch
  assert ArchSpec.from_json(json.loads(json.dumps(arch.to_json()))) == arch


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'stages': ()}, 'at least one stage'),
    ({'stages': (StageSpec((1, 1), (4, 8)),)}, 'first stage has one branch'),
    ({'stages': (StageSpec((1,), (4,)), StageSpec((1, 1, 1), (4, 8, 16)))}, 'or one more'),
    ({'stages': (StageSpec((1,), (4,)), StageSpec((1, 1), (4, 8)), StageSpec((1,), (4,)))}, 'or one more'),
    ({'input_stride': 3}, 'input stride is 1, 2 or 4. Received: 3'),
    ({'activation': 'gelu'}, 'relu, relu6, hard_swish, swish. Received: gelu'),
    ({'upsampling': 'cubic'}, 'nearest, bilinear. Received: cubic'),
    ({'stem_channels': (24,)}, 'stem has two convolutions'),
    ({'stem_channels': (24, 0)}, 'stem has two convolutions'),
    ({'separable_stem': 1}, 'separable_stem is true or false'),
    ({'last_channel': 0}, 'whole numbers from 1'),
    ({'expansion': 1.5}, 'whole numbers from 1'),
    ({'head_channels': (8, '16')}, 'whole numbers from 1'),
    ({'kernels': ()}, 'at least one kernel size'),
    ({'kernels': (3, 4)}, 'Kernel sizes are odd'),
    ({'kernels': (3, 3)}, 'Kernel sizes are distinct'),
    ({'kernels': (1, 3)}, 'Kernel sizes are odd and 3 or more'),
    ({'tokens': -1}, 'Tokens are counted from 0'),
    ({'dropout': 1.0}, r'dropout lie in \[0, 1\)'),
    ({'bn_momentum': 1.0}, r'bn_momentum and dropout lie in \[0, 1\)'),
    ({'bn_epsilon': 0.0}, 'bn_epsilon is positive'),
  ],
)
def test_a_network_that_cannot_be_built_is_refused(changes, message):
  with pytest.raises(SpecError, match=message):
    dataclasses.replace(SMALL, **changes)


@pytest.mark.parametrize(
  ('make', 'message'),
  [
    (lambda: HeadSpec('pose', 3), 'head is one of classification, dense. Received: pose'),
    (lambda: HeadSpec('dense', 0), 'at least one output. Received: 0'),
    (lambda: StageSpec((1,), (4, 8)), 'as many block counts as channel counts'),
    (lambda: StageSpec((), ()), 'as many block counts as channel counts'),
    (lambda: StageSpec((1,), (0,)), 'Channels are counted from 1'),
    (lambda: StageSpec((-1,), (4,)), 'blocks from 0'),
    (lambda: StageSpec((1,), (4.5,)), 'Channels are counted from 1'),
    (lambda: BlockSpec(((3, 0),)), 'at least one unit'),
    (lambda: BlockSpec(((2, 1),)), 'Kernel sizes are odd'),
    (lambda: BlockSpec(((3, 1), (3, 2))), 'distinct'),
    (lambda: layout(dataclasses.replace(SMALL, head_channels=(8,)), CLASSES), 'one head_channels entry per branch'),
    (lambda: layout(SMALL.with_searched({'stage9/branch0/block0': BlockSpec(())}), CLASSES), 'Searched blocks .*stage9'),
  ],
)
def test_a_part_that_no_network_has_is_refused(make, message):
  with pytest.raises(SpecError, match=message):
    make()


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('{', 'that to_json writes'),
    ('[1, 2]', 'that to_json writes'),
    ('3', 'that to_json writes'),
    ('{}', 'An ArchSpec has stages'),
    ('{"stages": [], "depth": 3}', r"only the fields it lists. Received: \['depth'\]"),
    ('{"stages": 3}', 'that to_json writes'),
    ('{"stages": [{"blocks": [1]}]}', 'that to_json writes'),
    ('{"stages": [{"blocks": ["one"], "channels": [4]}]}', 'counted from 1, blocks from 0'),
    ('{"stages": [{"blocks": [1], "channels": [4]}], "kernels": 3}', 'that to_json writes'),
    ('{"stages": [{"blocks": [1], "channels": [4]}], "searched": [["a"]]}', 'that to_json writes'),
  ],
)
def test_text_that_is_no_network_is_refused(text, message):
  with pytest.raises(SpecError, match=message):
    ArchSpec.from_json(text)


def test_a_spec_error_is_the_users_to_put_right():
  assert issubclass(SpecError, UserError)


def test_whatever_is_in_a_description_it_is_a_network_or_refused():
  searched = ArchSpec(stages=(StageSpec((1,), (8,)),), head_channels=(8,), searched=(('head/increase0', BlockSpec(((3, 4),))),)).to_json()
  head = HeadSpec('classification', 10)
  for path in searched:
    for value in (None, True, -1, 1.5, 'x', [], {}, [[]], [{'a': 1}], [['a', {}]], float('nan'), 10**400):
      try:
        found = ArchSpec.from_json({**searched, path: value})
        layout(found, head)
        assert hash(found) == hash(ArchSpec.from_json(found.to_json()))
      except SpecError as error:
        assert '\n' not in str(error)
  with pytest.raises(SpecError, match='deep inside each other'):
    ArchSpec.from_json('[' * 100_000)
