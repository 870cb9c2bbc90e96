"""The way of a run through score and sparsity can be read, whatever its length."""

import itertools

import numpy as np
import pytest

from st_tf.report import trade_off
from tests.st_tf.report.curves_test import HISTORY


def epochs(sparsities):
  return [{'event': 'epoch', 'epoch': i, 'sparsity': s, 'validation': {'top1': 0.5 + 0.001 * (i % 7)}} for i, s in enumerate(sparsities, 1)]


def test_the_line_goes_through_the_epochs():
  line = trade_off.draw(HISTORY, 'top1', [(0.4, 0.5)]).axes[0].lines[0]
  assert list(zip(*line.get_data())) == [(0.2, 0.3), (0.4, 0.5)]


@pytest.mark.parametrize('history', [[], HISTORY[:1], [{'event': 'epoch', 'epoch': 1, 'validation': {}}]])
def test_without_epochs_there_is_no_figure(history):
  assert trade_off.draw(history, 'top1') is None


def test_epochs_at_one_sparsity_are_one_point_and_a_bar_from_the_worst_to_the_best():
  axes = trade_off.draw(epochs([0.0, 0.0, 0.5, 0.9, 0.9, 0.9]), 'top1').axes[0]
  line, first, last = axes.lines
  assert list(line.get_xdata()) == [0.0, 0.5, 0.9]
  assert np.allclose(first.get_ydata(), [0.501, 0.502]) and np.allclose(last.get_ydata(), [0.504, 0.506])
  assert {text.get_text() for text in axes.texts} == {'1–2', '3', '4–6'}


@pytest.mark.parametrize('last', [0.5, 0.9, 0.98, 0.999])
def test_of_sixty_epochs_the_numbers_and_the_ticks_keep_their_distance(last):
  figure = trade_off.draw(epochs([last * (1 - (1 - min(i / 40, 1)) ** 3) for i in range(60)]), 'top1', [(last, 0.5)])
  figure.canvas.draw()
  (axes,) = figure.axes
  assert axes.texts[0].get_text().endswith('–60') and 3 <= len(axes.texts) <= 14
  places = [axes.transData.transform(text.xy) for text in axes.texts[2:]]
  assert all(abs(one[0] - other[0]) > 15 for one, other in itertools.combinations(places, 2))
  low, high = axes.get_xlim()
  ticks = [axes.transData.transform((tick, 0))[0] for tick in axes.get_xticks() if low <= tick <= high]
  assert len(ticks) >= 3 and np.abs(np.diff(ticks)).min() > 20


def test_a_run_that_stands_still_has_a_figure():
  trade_off.draw(epochs([0.0, 0.0]), 'top1').canvas.draw()
  trade_off.draw(epochs([1.0]), 'top1').canvas.draw()
