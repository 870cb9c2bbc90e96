"""What networks of a space take: amounts of work, rates that are fitted, files that are none."""

import numpy as np
import pytest

from st_tf.arch.genome import Site, price
from st_tf.arch.latency import LatencyError, LatencyTable
from st_tf.arch.space_latency import FEWEST, SpaceTable, fitted, work
from st_tf.arch.spaces import SPACES
from st_tf.arch.specs import HeadSpec
from tests import space_tables

NAME = 'mobilenet3_mt_small'
SPACE, HEAD = SPACES[NAME], HeadSpec('classification', 10)
SITE = space_tables.site(NAME, 32, 10)
FACTS = space_tables.facts(NAME, 32, 10)


def genomes(count):
  return space_tables.genomes(NAME, count)


def time_of(genome):
  return space_tables.time_of(genome, SITE)


def written(folder, **changes):
  return space_tables.write(folder / 'table.json', NAME, 32, 10, **changes)


@pytest.mark.parametrize('head', [HEAD, HeadSpec('dense', 4)])
def test_macs_of_all_work_are_those_of_the_network(head):
  site = Site.of(SPACE.strides, (48, 32), head)
  for genome in genomes(20):
    done = work(genome, site)
    counted = ('stem', 'pointwise', 'strided', 'depthwise_3', 'depthwise_5', 'depthwise_7', 'head')
    gates = sum(2 * block.gate * block.hidden * block.squeezed for _, _, _, block in genome.blocks())
    assert sum(done[name] for name in counted) + gates == price(genome, site).macs
    assert min(done.values()) >= 0 and done['blocks'] == sum(map(len, genome.stages))


def test_a_narrower_network_does_less_of_everything():
  for genome in genomes(20):
    widths = {f's{number}b{place}/hidden': block.hidden // 2 for number, place, _, block in genome.blocks()}
    less, more = work(genome.narrowed(widths | {'last': genome.last // 2}), SITE), work(genome, SITE)
    assert all(less[name] <= amount for name, amount in more.items()) and less['pointwise'] < more['pointwise']


def test_rates_that_made_times_are_found_again():
  done = [work(genome, SITE) for genome in genomes(60)]
  rates, error = fitted(done, [time_of(genome) for genome in genomes(60)])
  assert error < 1e-6 and list(rates) == list(done[0])
  others = genomes(80)[60:]
  assert [sum(rates[name] * amount for name, amount in work(one, SITE).items()) for one in others] == pytest.approx([*map(time_of, others)])


def test_the_error_is_that_of_networks_that_were_left_out():
  noise = np.random.default_rng(0)
  done = [work(genome, SITE) for genome in genomes(60)]
  rates, error = fitted(done, [time_of(genome) * noise.choice((0.8, 1.2)) for genome in genomes(60)])
  assert 0.15 < error < 0.3 and min(rates.values()) >= 0


def test_a_table_is_read_and_says_what_a_network_takes(tmp_path):
  table = SpaceTable.load(written(tmp_path))
  table.check(NAME, SITE)
  assert table.settings['runtime'] == 'wasm' and table.error < 1e-6
  assert table.milliseconds(genomes(41)[-1]) == pytest.approx(time_of(genomes(41)[-1]))


@pytest.mark.parametrize(
  ('space', 'size', 'head', 'message'),
  [
    ('mobilenet3_mt', 32, HEAD, r'a table of mobilenet3_mt_small, 32 pixels, 10 outputs .*; the run has mobilenet3_mt, 32 pixels'),
    (NAME, 64, HEAD, 'the run has mobilenet3_mt_small, 64 pixels'),
    (NAME, 32, HeadSpec('classification', 9), '9 outputs of a classification head'),
    (NAME, 32, HeadSpec('dense', 10), '10 outputs of a dense head'),
  ],
)
def test_another_space_size_or_head_is_refused(tmp_path, space, size, head, message):
  with pytest.raises(LatencyError, match=message):
    SpaceTable.load(written(tmp_path)).check(space, Site.of(SPACES[space].strides, (size, size), head))


@pytest.mark.parametrize(
  'changes',
  [
    {'space': 'somewhere'},
    {'space': []},
    {'operations': FACTS['operations'][: FEWEST - 1]},
    {'operations': [*FACTS['operations'][:-1], {'genome': 'none', 'milliseconds': 1.0}]},
    {'operations': [*FACTS['operations'][:-1], FACTS['operations'][0] | {'milliseconds': -1.0}]},
    {'operations': [*FACTS['operations'][:-1], FACTS['operations'][0] | {'milliseconds': 'soon'}]},
    {'space': 'mobilenet3_mt_tiny'},
    {'settings': {}},
    {'settings': FACTS['settings'] | {'image_size': '32'}},
    {'settings': FACTS['settings'] | {'networks': 50}},
    {'head': 'arm'},
  ],
  ids=str,
)
def test_a_file_that_is_no_such_table_is_refused(tmp_path, changes):
  with pytest.raises(LatencyError, match=r'^A latency table of a space is a file .* Received: .*table\.json \(.* Measure it again\.$'):
    SpaceTable.load(written(tmp_path, **changes))


def test_images_that_are_not_square_and_tables_of_supernets_are_refused(tmp_path):
  with pytest.raises(LatencyError, match=r'is of square images\. Received: 32x48 pixels\. Bound MACs alone'):
    SpaceTable.load(written(tmp_path)).check(NAME, Site.of(SPACE.strides, (32, 48), HEAD))
  (tmp_path / 'table.json').write_text('{"supernet": {}}')
  with pytest.raises(LatencyError, match=r'^A latency table of a space .*table\.json, which is of a supernet\. Measure the space\.$'):
    SpaceTable.load(tmp_path / 'table.json')
  with pytest.raises(LatencyError, match=r'^A latency table is a file .* which is of a space of --method=menas\. Measure the supernet\.$'):
    LatencyTable.load(written(tmp_path))


def test_a_file_that_is_not_there_is_refused(tmp_path):
  with pytest.raises(LatencyError, match=r'none\.json \(No such file or directory\)\. Measure one first'):
    SpaceTable.load(tmp_path / 'none.json')
