"""What was taken for what: of few classes all of it, of many the pairs that are confused most."""

from collections.abc import Iterable, Mapping, Sequence

KEPT_WHOLE = 40  # Classes. A file of facts that people open has no room for more of them squared.
KEPT_PAIRS = 20

Counts = Mapping[str, Mapping[str, int]]  # {truth: {answer: n}}


def table(labels: Sequence[str], pairs: Iterable[tuple[tuple[int, int], int]]) -> dict[str, dict[str, int]]:
  """Counts by label from ((truth, answer), n) by class number; what is 0 is left out."""
  found: dict[str, dict[str, int]] = {}
  for (truth, answer), count in sorted(pairs):
    if count:
      found.setdefault(labels[truth], {})[labels[answer]] = int(count)
  return found


def kept(counts: Counts, classes: int) -> dict[str, dict[str, int]]:
  """What a ticket keeps: all counts of few classes, of many those of the most confused pairs."""
  if classes <= KEPT_WHOLE:
    return {truth: dict(answers) for truth, answers in counts.items()}
  found: dict[str, dict[str, int]] = {}
  for truth, answer, count in most_confused(counts)[:KEPT_PAIRS]:
    found.setdefault(truth, {})[answer] = count
  return found


def most_confused(counts: Counts) -> list[tuple[str, str, int]]:
  """(truth, answer, n) of all that was taken for something else, the most frequent first."""
  pairs = [(truth, answer, count) for truth, answers in counts.items() for answer, count in answers.items() if answer != truth]
  return sorted(pairs, key=lambda pair: (-pair[2], pair[0], pair[1]))
