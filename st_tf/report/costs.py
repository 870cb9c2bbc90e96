"""Where in the network the MACs are."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
import numpy as np

from st_tf.models.cost import LayerCost
from st_tf.report import ink


def parts(layers: Sequence[LayerCost]) -> list[tuple[str, int, int]]:
  """(part, MACs, MACs of non-zero weights) of each part of the network with any, in order.

  A part is the stem, a fuse module, the blocks of a stage (all branches), the classifier, or the rest of the head.
  """
  sums: dict[str, list[int]] = {}
  for layer in layers:
    total = sums.setdefault(_part(layer.name), [0, 0])
    total[0] += layer.macs
    total[1] += layer.nonzero_macs
  return [(name, whole, nonzero) for name, (whole, nonzero) in sums.items() if whole]


def macs(layers: Sequence[LayerCost]) -> Figure | None:
  """MACs of each part of the network: with all weights, and with the non-zero ones."""
  found = parts(layers)
  if not found:
    return None
  names, whole, nonzero = zip(*found)
  figure = ink.figure((5.6, max(3.0, 0.6 + 0.26 * len(found))))
  axes = ink.style(figure.subplots())
  places = np.arange(len(found))
  axes.barh(places, whole, color=ink.FIRST, alpha=0.3, height=0.7, linewidth=0, label='all weights')
  axes.barh(places, nonzero, color=ink.FIRST, height=0.7, linewidth=0, label='non-zero weights only')
  axes.set_yticks(places, names)
  axes.invert_yaxis()
  axes.grid(visible=False, axis='y')
  axes.grid(axis='x', color=ink.LINE, linewidth=0.6)
  axes.xaxis.set_major_formatter(EngFormatter(sep=' '))
  ink.legend(axes)
  return figure


def _part(layer: str) -> str:
  first, _, rest = layer.partition('/')
  if first.startswith('stage'):
    return f'{first.replace("stage", "stage ")} {"fuse" if rest.startswith("fuse") else "blocks"}'
  return 'classifier' if rest.startswith('classifier') else first
