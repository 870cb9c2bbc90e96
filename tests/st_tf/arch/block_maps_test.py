import re
import time

from hypothesis import given
from hypothesis import strategies as st
import pytest

from st_tf.arch.block_maps import ORDERS, BlockMap, check_written, ordered, parsed
from st_tf.arch.specs import SpecError

COUNTS = st.integers(2, 12)


@pytest.mark.parametrize(
  ('before', 'after', 'order', 'written'),
  [
    # Of ResNet-32, which has 5 blocks in a stage, those of 44 and 56 with 7 and 9, and of 20 with 3.
    (5, 7, 'interpolation', '0:0; 1:1,2; 2:3,4; 3:5; 4:6'),
    (5, 7, 'appending', '0:0; 1:1,5; 2:2,6; 3:3; 4:4'),
    (5, 9, 'interpolation', '0:0; 1:1,2; 2:3,4; 3:5,6; 4:7,8'),
    (5, 9, 'appending', '0:0; 1:1,5; 2:2,6; 3:3,7; 4:4,8'),
    (5, 3, 'interpolation', '0:0; 1:1; 3:2'),
    (5, 3, 'appending', '0:0; 1:1; 2:2'),
    (2, 4, 'interpolation', '0:0; 1:1,2,3'),
    (3, 3, 'appending', '0:0; 1:1; 2:2'),
    (4, 1, 'interpolation', '0:0'),
    (1, 1, 'interpolation', '0:0'),
  ],
)
def test_orders(before, after, order, written):
  found = ordered(before, after, order)
  assert str(found) == written and parsed(written, [before], [True], ['a run']) == (found,)


def test_where_all_blocks_are_alike_the_first_is_copied_too():
  assert str(ordered(2, 3, 'interpolation', is_fixed=False)) == '0:0,1; 1:2'
  assert str(ordered(2, 3, 'appending', is_fixed=False)) == '0:0,2; 1:1'
  assert str(ordered(1, 3, 'appending', is_fixed=False)) == '0:0,1,2'


def test_copies_are_counted_from_the_first_of_their_block():
  assert BlockMap((0, 1, 2, 1, 2, 1)).replicas == (0, 0, 0, 1, 1, 2)


@given(before=COUNTS, after=COUNTS, order=st.sampled_from(ORDERS), is_fixed=st.booleans())
def test_a_map_covers_all_places_and_every_block_has_as_many_copies_as_the_others_or_one_less(before, after, order, is_fixed):
  sources = ordered(before, after, order, is_fixed).sources
  assert len(sources) == after and (not is_fixed or (sources[0] == 0 and sources.count(0) == 1))
  counts = [sources.count(block) for block in range(int(is_fixed), before)]
  assert max(counts) - min(counts) <= 1 and counts == (sorted(counts, reverse=True) if after >= before else counts)


@given(before=COUNTS, more=st.integers(0, 12), order=st.sampled_from(ORDERS), is_fixed=st.booleans())
def test_what_was_stretched_is_itself_again_when_it_is_squeezed_by_the_same_order(before, more, order, is_fixed):
  there, back = ordered(before, before + more, order, is_fixed), ordered(before + more, before, order, is_fixed)
  assert [there.sources[place] for place in back.sources] == list(range(before))


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('0:0; 1:1,3', 'A map covers all places from 0 on. Received: none for place 2, and place 3, in'),
    ('1:1', 'A map covers all places from 0 on. Received: none for place 0'),
    ('0:0; 1:1,2; 2:2', 'A place has one block. Received: place 2 twice in'),
    ('0:0; 1:1,1', 'A place has one block. Received: place 1 twice in'),
    ('0:0; 1:1; 1:2', "A map names each source block once. Received: 1 twice in '0:0; 1:1; 1:2'. Write 1:1,2 once."),
    ('0:0; 0:0', "Received: 0 twice in '0:0; 0:0'. Write 0:0 once."),
    ('0:0; 0:01', "Received: 0 twice in '0:0; 0:01'. Write 0:0,1 once, or 0:0 where block 0 is kept."),
    ('0:0; 1:2; 2:1', "Blocks keep their order, copies may stand anywhere behind. Received: '0:0; 1:2; 2:1' for stage1. Let places rise"),
    ('0:0; 1:2,3; 2:1', 'Blocks keep their order'),
    ('0:0; 2:1; 1:2', 'Blocks keep their order'),
    ('0:0; 5:1', 'A map names blocks that the source has. Received: block 5 of stage1, which has 0 to 2'),
    ('0:0,1', 'Block 0 of stage1 is kept in its place and never copied'),
    ('0:1; 1:0', 'Block 0 of stage1 is kept in its place and never copied'),
    ('1:0; 2:1', 'Block 0 of stage1 is kept in its place .* Begin with 0:0'),
    ('0:0; 1:1,2', 'Received: block 1 of stage1 several times and block 2 not at all, .* Name block 2 too, or block 1 once'),
    ('0:0; 1', r"A map has entries SOURCE:PLACE,PLACE .* Received: '1'. Write for example 0:0; 1:1,2; 2:3,4"),
    ('0:0;; 1:1', "Received: ''"),
    ('0:0; 1:-1', "Received: '1:-1'"),
    ('0-0', "Received: '0-0'"),
    ('0:0; 1:\u0661', 'Received: '),
    ('0:0; 1:12345', "Received: '1:12345'"),
    ('0:0; 1:200', "A run has at most 200 blocks. Received: 201 for '0:0; 1:200'. Take fewer"),
    ('0:0; 1:1.5', "Received: '1:1.5'"),
    ('0:0 | 0:0', r'A map is one for all runs of blocks, or one for each. Received: 2 for 3 \(stage1, stage2, stage3\). Join as many by |'),
  ],
)
def test_maps_that_are_none_are_refused(text, message):
  with pytest.raises(SpecError, match=message if '(' in message or '.*' in message else re.escape(message)):
    parsed(text, [3, 3, 3], [True] * 3, ['stage1', 'stage2', 'stage3'])


def test_a_map_for_each_run_leaves_those_as_they_are_whose_map_is_empty():
  maps = parsed('0:0; 1:1,2 | | 0 : 0;', [2, 3, 2], [True] * 3, ['a', 'b', 'c'])
  assert [each.sources for each in maps] == [(0, 1, 1), (0, 1, 2), (0,)]


def test_where_all_blocks_are_alike_they_keep_their_order_too():
  with pytest.raises(SpecError, match='Blocks keep their order'):
    parsed('0:1; 1:0', [2], [False], ['a'])
  assert parsed('0:0,2; 1:1', [2], [False], ['a']) == (BlockMap((0, 1, 0)),)


def test_copies_of_very_many_blocks_are_counted_at_once():
  started = time.process_time()
  assert BlockMap((0, *(1 + place % 3 for place in range(100_000)))).replicas[-1] == 33_333
  with pytest.raises(SpecError, match='A run has at most 200 blocks'):
    check_written('; '.join(f'{source}:{source}' for source in range(9999)))
  assert time.process_time() - started < 2


def test_what_no_source_makes_a_map_is_refused_without_one():
  check_written('0:0; 7:1 | ')
  with pytest.raises(SpecError, match="Received: 'x'"):
    check_written('0:0 | x')


def test_orders_that_cannot_be():
  with pytest.raises(SpecError, match="An order of copies is one of interpolation, appending. Received: 'between'"):
    ordered(3, 5, 'between')
  with pytest.raises(SpecError, match=r'Block 0 of stage1 is never copied, .* Received: 2 blocks, of a source with 1'):
    ordered(1, 2, 'appending', True, 'stage1')
  with pytest.raises(SpecError, match='A run has at most 200 blocks. Received: 1,000,000 for stage1'):
    ordered(3, 1_000_000, 'appending', True, 'stage1')
  with pytest.raises(SpecError, match=r'Block 0 of stage1 is kept, .* Received: 0 blocks. Take 1 or more'):
    ordered(3, 0, 'appending', True, 'stage1')
