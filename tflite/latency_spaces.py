"""The networks of a space whose times say what all others take."""

from collections.abc import Mapping
import dataclasses
import math
import random
from typing import Any

from st_tf.arch.genome import Genome, Site, price
from st_tf.arch.spaces import Space
from st_tf.models import mobile
from st_tf.models.graph import build_graph
from st_tf.search import breeding
from tflite.deployment import deployment
from tflite.file.encode import encode
from tflite.latency_graphs import Meter, thinned


@dataclasses.dataclass(frozen=True)
class Networks:
  """What a table of a space is made of.

  Attributes:
    space: the networks.
    site: where they are built.
    count: how many are measured.
    meter: measures.
  """

  space: Space
  site: Site
  count: int
  meter: Meter

  def entries(self) -> list[dict[str, Any]]:
    """What is measured: the largest network, the smallest, and others by chance, each once, of which as many are small as large."""
    ends = breeding.largest(self.space), breeding.smallest(self.space)
    most, least = (math.log(price(genome, self.site).macs) for genome in ends)
    rng, found = random.Random(0), dict.fromkeys(ends)
    while len(found) < self.count:
      bound = breeding.Bound(lambda genome: price(genome, self.site), math.exp(rng.uniform(least, most)))
      found.setdefault(breeding.sampled(self.space, bound, rng))
    return [{'genome': genome.to_text()} for genome in found]

  def times(self, entry: Mapping[str, Any]) -> float:
    """Milliseconds of an entry's network."""
    shape = (*self.site.image_size, 3)
    network = deployment(thinned(build_graph(mobile.graph(Genome.from_text(entry['genome']), self.site)), self.meter.density))
    content = encode(network.function, shape, sparse=self.meter.sparse, variables=network.variables)
    return self.meter.timed([content], shape)[0].latency
