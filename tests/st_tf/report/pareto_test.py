import math

import pytest

from st_tf.report import pareto
from st_tf.report.pareto import Point

POINTS = [Point('a', 1e6, 0.5, 0.01, True), Point('a', 3e6, 0.6, 0.01, True), Point('b', 2e6, 0.4, math.nan, False)]


def test_methods_are_lines_with_error_bars_and_the_front_is_drawn():
  (axes,) = pareto.draw(POINTS, 'MACs').axes
  lines = {line.get_label(): line for line in axes.get_lines()}
  assert list(lines['front'].get_xdata()) == [1e6, 3e6] and list(lines['a'].get_ydata()) == [0.5, 0.6]
  assert axes.get_xscale() == 'log' and axes.get_xlabel() == 'MACs'
  assert [len(bars.lines[2][0].get_segments()) for bars in axes.containers] == [2, 0]


@pytest.mark.parametrize('factor', [1.0, 1.001, 1.3, 1.49, 5.0, 300.0])
def test_every_range_of_costs_has_readable_ticks(factor):
  figure = pareto.draw([Point('a', 1.07e6, 0.5, 0.01, True), Point('b', 1.07e6 * factor, 0.6, 0.01, True)], 'MACs')
  figure.canvas.draw()
  (axes,) = figure.axes
  low, high = axes.get_xlim()
  shown = [value for value in axes.get_xticks() if low <= value <= high]
  assert 1 <= len(shown) <= 12 and 1.4 < high / low < 1.6 * factor**1.2
  assert low < 1.05e6 and high > 1.09e6 * factor
  texts = [axes.xaxis.get_major_formatter()(value) for value in shown]
  assert len(set(texts)) == len(texts)


def test_a_method_looks_alike_where_another_is_missing():
  drawn = [pareto.draw(points, 'MACs', ['a', 'b']).axes[0] for points in (POINTS, POINTS[2:])]
  looks = [{line.get_label(): (line.get_color(), line.get_marker()) for line in axes.get_lines()} for axes in drawn]
  assert looks[0]['b'] == looks[1]['b'] != looks[0]['a'] and 'a' not in looks[1]


def test_as_many_series_as_there_may_be_look_different():
  points = [Point(f'm{i}', 1e6, i / 100, math.nan, False) for i in range(60)]
  lines = pareto.draw(points, 'MACs').axes[0].get_lines()
  looks = [(line.get_color(), line.get_marker()) for line in lines]
  assert len(set(looks)) == 60 and all(one[0] != two[0] and one[1] != two[1] for one, two in zip(looks, looks[1:]))


def test_the_legend_names_what_is_drawn_and_a_front_of_one_point_is_no_line():
  figure = pareto.draw(
    [Point('a$b$', 1e6, 0.5, math.nan, True), Point('b', 2e6, 0.4, math.nan, False), Point('c', 0, 0.9, math.nan, True)], 'MACs'
  )
  assert [text.get_text() for text in figure.legends[0].get_texts()] == [r'a\$b\$', 'b']
  assert [text.get_text() for text in pareto.draw(POINTS, 'MACs').legends[0].get_texts()] == ['front', 'a', 'b']


def test_a_figure_is_as_tall_as_its_own_legend_asks():
  few, many = (pareto.draw(POINTS, 'MACs', labels) for labels in (['a', 'b'], ['a', 'b', *(f'a long name {i}' for i in range(40))]))
  assert few.get_figheight() == many.get_figheight()


def test_nothing_gives_no_figure():
  assert pareto.draw([], 'MACs') is None
