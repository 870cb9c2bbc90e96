"""Networks of a space are measured as they would be executed, from the smallest to the largest."""

import numpy as np

from st_tf.arch.genome import Genome, Site, price
from st_tf.arch.spaces import SPACES
from st_tf.arch.specs import HeadSpec
from st_tf.search.breeding import largest, smallest
from tflite.latency_graphs import Meter
from tflite.latency_spaces import Networks
from tflite.runtimes.measured import Measured

SPACE = SPACES['mobilenet3_mt_tiny']
SITE = Site.of(SPACE.strides, (16, 16), HeadSpec('classification', 3))


def counting(contents, images, rounds):
  """A runtime on which a file takes as many milliseconds as it has kilobytes."""
  assert images.shape == (1, 16, 16, 3) and rounds == 3
  return [Measured(np.zeros(1), (len(content) / 1000,)) for content in contents]


def networks(density=1.0):
  return Networks(SPACE, SITE, 30, Meter(counting, density, density < 1 / 3, '', 3))


def test_they_are_members_of_all_sizes_and_the_same_every_time():
  entries = networks().entries()
  genomes = [Genome.from_text(entry['genome']) for entry in entries]
  assert genomes[:2] == [largest(SPACE), smallest(SPACE)] and all(genome in SPACE for genome in genomes)
  sizes = sorted(price(genome, SITE).macs for genome in genomes)
  middle = (sizes[0] * sizes[-1]) ** 0.5
  assert 5 <= sum(size < middle for size in sizes) <= 25
  assert entries == networks().entries() and len(set(genomes)) == 30


def test_a_network_is_measured_without_the_weights_that_are_not_there():
  entry = networks().entries()[0]
  dense, sparse = networks().times(entry), networks(0.1).times(entry)
  assert 0 < sparse < dense
