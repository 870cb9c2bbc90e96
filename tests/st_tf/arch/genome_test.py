"""Genomes survive their text, and cost what their layers add up to; networks that are built are compared in models/mobile_test."""

import random

from hypothesis import given
from hypothesis import strategies as st
import pytest

from st_tf.arch.genome import Block, Genome, Price, Site, price, squeezed
from st_tf.arch.spaces import SPACES
from st_tf.arch.specs import HeadSpec, SpecError

BLOCK = Block(3, 8, 6, False, 'relu', False)
ONE = Genome(4, ((BLOCK,),), 10)
CLASSES = HeadSpec('classification', 3)


@given(st.sampled_from(sorted(SPACES)), st.integers(0))
def test_a_genome_survives_its_text(name, seed):
  genome = SPACES[name].sample(random.Random(seed))
  assert Genome.from_text(genome.to_text()) == genome and '\n' not in genome.to_text()


@pytest.mark.parametrize(
  'text', ['', '{}', '[1]', '{"stem":4,"stages":3,"last":1}', '{"stem":4,"stages":[[[3,8,6,0,"relu",false]]],"last":1}', '{"stem":true}']
)
def test_what_is_no_genome_is_refused(text):
  with pytest.raises(SpecError, match='A genome has the form that to_text writes. Received: '):
    Genome.from_text(text)


def test_a_network_costs_what_its_layers_add_up_to():
  # 4x4 maps: 27*4 of the stem, then 4*8, 9*8 and 8*6 of the block, 6*10 of the end, and 10*3 at one place.
  weights = 27 * 4 + 4 * 8 + 9 * 8 + 8 * 6 + 6 * 10
  found = price(ONE, Site.of((1, 1), (4, 4), CLASSES))
  assert found == Price(weights + 2 * (4 + 8 + 8 + 6 + 10) + 10 * 3 + 3, 16 * weights + 30)


def test_a_gate_costs_two_layers_with_biases_at_one_place():
  site, gated = Site.of((1, 1), (4, 4), CLASSES), Genome(4, ((Block(3, 8, 6, True, 'relu', False),),), 10)
  added = 8 * squeezed(8) + squeezed(8) * 8
  before, after = price(ONE, site), price(gated, site)
  assert (after.macs - before.macs, after.params - before.params) == (added, added + squeezed(8) + 8)


def test_a_stride_halves_what_comes_behind_the_depthwise_convolution():
  found = price(ONE, Site.of((1, 2), (8, 8), CLASSES))
  assert found.macs == 64 * (27 * 4 + 4 * 8) + 16 * (9 * 8 + 8 * 6 + 6 * 10) + 30


def test_small_images_leave_out_the_first_strides():
  assert Site.of((2, 1, 2, 2), (32, 48), CLASSES).strides == (2, 1, 2, 2)
  assert Site.of((2, 1, 2, 2), (31, 48), CLASSES).strides == (1, 1, 2, 2)
  assert Site.of((2, 1, 2, 2), (8, 8), CLASSES).strides == (1, 1, 1, 2)
  assert Site.of((2, 1, 2, 2), (1, 1), CLASSES).strides == (1, 1, 1, 1)
  assert Site.of((2, 1, 2), (33, 47), CLASSES).size_after(2) == (9, 12)


def test_channels_change_by_the_names_of_what_makes_them():
  two = Genome(4, ((BLOCK, BLOCK),), 10)
  narrow = two.narrowed({'stem': 2, 's0b1/hidden': 4, 's0b0/width': 3})
  assert (narrow.stem, narrow.last) == (2, 10)
  assert [(block.hidden, block.width) for _, _, _, block in narrow.blocks()] == [(8, 3), (4, 6)]
