"""What the network took for what: a table of few classes, the most confused pairs of many."""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

from st_tf import wording
from st_tf.task.confusion import Counts, most_confused

_DRAWN_WHOLE = 20  # Classes.
_SHOWN_PAIRS = 12
_COUNTED = 999  # Larger numbers are shown as shares, which fit into a cell.


@dataclasses.dataclass(frozen=True)
class Cell:
  """Where a truth and an answer meet.

  Attributes:
    text: what is shown.
    about: in words.
    share: of what is of that truth.
    is_right: whether the answer is the truth.
  """

  text: str
  about: str
  share: float
  is_right: bool


@dataclasses.dataclass(frozen=True)
class Confusion:
  """What the page shows of it; one of `rows` and `pairs` is empty, or both.

  Attributes:
    labels: of the answers.
    rows: (truth, a cell for each answer).
    pairs: (truth, answer, how often, share of the truth), the most frequent first.
    is_shares: whether cells are percent of their truth, and no numbers of examples.
  """

  labels: Sequence[str] = ()
  rows: Sequence[tuple[str, Sequence[Cell]]] = ()
  pairs: Sequence[tuple[str, str, str, float]] = ()
  is_shares: bool = False


def of(ticket: Any) -> Confusion:
  """What is known of a ticket's answers on the test split; nothing of one that was scored before this was kept."""
  counts, per_class = ticket.metrics.get('confusion', {}), ticket.metrics.get('per_class', {})
  labels = ticket.task.labels
  if not counts:
    return Confusion()
  # A ticket of many classes has kept some pairs only, so that sums are not to be had from them.
  totals = {label: per_class.get(label, {}).get('count') or sum(counts.get(label, {}).values()) for label in labels}
  if len(labels) > _DRAWN_WHOLE:
    found = most_confused({truth: answers for truth, answers in counts.items() if truth in totals})[:_SHOWN_PAIRS]
    return Confusion(pairs=[(truth, answer, wording.count(count), count / max(totals[truth], 1)) for truth, answer, count in found])
  is_shares = any(count > _COUNTED for answers in counts.values() for count in answers.values())
  return Confusion(labels, [(truth, _row(truth, labels, counts, totals[truth], is_shares)) for truth in labels], is_shares=is_shares)


def _row(truth: str, labels: Sequence[str], counts: Counts, total: float, is_shares: bool) -> list[Cell]:
  answers: Mapping[str, int] = counts.get(truth, {})
  cells = []
  for label in labels:
    count = answers.get(label, 0)
    share = count / total if total else 0.0
    text = '' if not count else f'{count:.0f}' if not is_shares else f'{100 * share:.0f}' if share >= 0.005 else '<1'
    about = f'{truth}, taken for {label}: {wording.count(count)} of {wording.count(total)} ({wording.percent(share)})'
    cells.append(Cell(text, about, share, label == truth))
  return cells
