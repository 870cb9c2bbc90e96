"""What networks of a space take on a runtime: fitted to the times of some of them, which `tflite.latency_table --space` measures.

A time is a sum over what a network does, each at a rate of its own that is not negative: so a network with less of everything never takes
longer. The rates are those of the least squares of relative errors.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import math
import pathlib
from typing import Any

import numpy as np
from scipy import optimize

from st_tf import plain
from st_tf.arch.genome import KERNELS, STEM_KERNEL, Genome, Site, price
from st_tf.arch.latency import LatencyError
from st_tf.arch.spaces import SPACES
from st_tf.arch.specs import HeadSpec
from st_tf.files import expanded

FEWEST = 20  # Networks that rates are fitted to: as many as there are rates, and some more.
_FOLDS = 5
_RULE = 'A latency table of a space is a file that python -m tflite.latency_table --space=... has finished.'


def work(genome: Genome, site: Site) -> dict[str, float]:
  """What a network does for an image, by what takes time: MACs, numbers that are written, and how often what takes its time by itself.

  Args:
    genome: which.
    site: where it is built.
  """
  at = [math.prod(site.size_after(stages)) for stages in range(len(genome.stages) + 1)]
  names = (
    'blocks',
    'pointwise',
    'written',
    *(f'depthwise_{kernel}' for kernel in KERNELS),
    'strided',
    'gates',
    'gated',
    'added',
    'swished',
  )
  done = dict.fromkeys(names, 0.0)
  done |= {'network': 1.0, 'stem': 3.0 * STEM_KERNEL**2 * genome.stem * at[0]}
  done['swished'] += genome.stem * at[0]
  for number, place, before, block in genome.blocks():
    read, made = at[number] if place == 0 else at[number + 1], at[number + 1]
    strided = place == 0 and site.strides[number + 1] > 1
    done['blocks'] += 1
    done['pointwise'] += before * block.hidden * read + block.hidden * block.width * made
    done['written'] += block.hidden * (read + made) + block.width * made
    done['strided' if strided else f'depthwise_{block.kernel}'] += block.kernel**2 * block.hidden * made
    done['gates'] += block.gate
    done['gated'] += block.gate * block.hidden * made
    done['added'] += block.skip * block.width * made
    done['swished'] += (block.activation != 'relu') * block.hidden * (read + made)
  # The last convolution, and whatever the head does.
  done['head'] = float(price(genome, site).macs - _macs(done, genome, at))
  return done


def _macs(done: Mapping[str, float], genome: Genome, at: Sequence[int]) -> float:
  """MACs of all but the head."""
  gates = sum(2 * block.gate * block.hidden * block.squeezed for _, _, _, block in genome.blocks())
  return sum(done[name] for name in ('stem', 'pointwise', 'strided', *(f'depthwise_{kernel}' for kernel in KERNELS))) + gates


@dataclasses.dataclass(frozen=True)
class SpaceTable:
  """What networks of a space take.

  Attributes:
    space: its name.
    site: where its networks were built.
    settings: how they were measured: 'runtime', 'density' of the 1x1 kernels, and the like.
    rates: milliseconds by what a network does.
    error: median relative error of networks that rates were not fitted to.
  """

  space: str
  site: Site
  settings: Mapping[str, Any]
  rates: Mapping[str, float]
  error: float

  @classmethod
  def load(cls, path: str | pathlib.Path) -> 'SpaceTable':
    """The table in a file.

    Raises:
      LatencyError: it cannot be read, is no such table, or is not finished.
    """
    try:
      facts = plain.parse(expanded(path).read_bytes())
      if 'space' not in facts and 'supernet' in facts:
        raise LatencyError(f'{_RULE} Received: {path}, which is of a supernet. Measure the space.')
      settings, space = dict(facts['settings']), SPACES[facts['space']]
      side, head = settings['image_size'], HeadSpec(facts['head'], settings['outputs'])
      plain.check(side, int, 'image_size')
      site = Site.of(space.strides, (side, side), head)
      genomes = [Genome.from_text(entry['genome']) for entry in facts['operations']]
      times = [entry['milliseconds'] for entry in facts['operations']]
      plain.check(times, list[float], 'milliseconds')
      if len(times) < max(FEWEST, settings['networks']) or not all(math.isfinite(time) and time > 0 for time in times):
        raise ValueError(f'{len(times)} times of {settings["networks"]} networks')
      if not all(genome in space for genome in genomes):
        raise ValueError('a network of another space')
      return cls(facts['space'], site, settings, *fitted([work(genome, site) for genome in genomes], times))
    except LatencyError:
      raise
    except OSError as error:
      raise LatencyError(f'{_RULE} Received: {path} ({error.strerror}). Measure one first.') from error
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, IndexError, RuntimeError) as error:
      raise LatencyError(f'{_RULE} Received: {path} ({type(error).__name__}: {error}). Measure it again.') from error

  def check(self, space: str, site: Site) -> None:
    """Refuses a space, images or a head that this table is not of.

    Raises:
      LatencyError: so it is.
    """
    if len(set(site.image_size)) > 1:
      shown = 'x'.join(map(str, site.image_size))
      raise LatencyError(f'A latency table of a space is of square images. Received: {shown} pixels. Bound MACs alone.')
    ours, theirs = (
      f'{name}, {at.image_size[0]} pixels, {at.head.outputs} outputs of a {at.head.kind} head'
      for name, at in ((self.space, self.site), (space, site))
    )
    if ours != theirs:
      raise LatencyError(
        f'A latency table of a space belongs to it, to a size of images and to a head. Received: a table of {ours}; the run has {theirs}.'
        ' Measure them: python -m tflite.latency_table --space=... --image_size=... --outputs=... --head=... --out=FILE.'
      )

  def milliseconds(self, genome: Genome) -> float:
    """What a network of the space takes."""
    return sum(self.rates[name] * amount for name, amount in work(genome, self.site).items())


def fitted(done: Sequence[Mapping[str, float]], times: Sequence[float]) -> tuple[dict[str, float], float]:
  """(milliseconds by what networks do, the median relative error of networks that were not fitted to).

  Args:
    done: of each network, from `work`.
    times: milliseconds of each.
  """
  names, measured = list(done[0]), np.asarray(times, float)
  table = np.array([[one[name] for name in names] for one in done])
  folds, errors = np.arange(len(measured)) % _FOLDS, np.zeros(len(measured))
  for fold in range(_FOLDS):
    out = folds == fold
    errors[out] = np.abs(table[out] @ _rates(table[~out], measured[~out]) / measured[out] - 1)
  return dict(zip(names, _rates(table, measured).tolist())), float(np.median(errors))


def _rates(table: np.ndarray, times: np.ndarray) -> np.ndarray:
  scale = table.max(0)
  scale[scale == 0] = 1.0  # Nothing of it in any of them: no rate.
  return optimize.nnls(table / scale / times[:, None], np.ones(len(times)))[0] / scale
