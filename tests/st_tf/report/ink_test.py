"""Figures take on the look of the page, and leave no trace elsewhere."""

import matplotlib

from st_tf.report import ink


def _line():
  figure = ink.figure((3, 2))
  axes = ink.style(figure.subplots())
  axes.plot([1, 2], [3, 5], color=ink.FIRST, label='a line')
  ink.legend(axes)
  return figure


def test_percent_labels_have_the_digits_they_need():
  axes = ink.figure((3, 2)).subplots()
  ink.percent(axes.yaxis)
  assert [axes.yaxis.get_major_formatter()(value) for value in (0.1, 0.125, 0.07)] == ['10%', '12.5%', '7%']


def test_a_picture_takes_the_colours_and_the_font_of_the_page():
  drawn = ink.svg(_line(), 'Loss <of> the run')
  assert drawn.startswith('<svg role="img" aria-label="Loss &lt;of&gt; the run"')
  assert 'var(--first)' in drawn and '#0101' not in drawn and 'font-family' not in drawn


def test_the_same_figure_gives_the_same_text_and_other_ids_than_its_neighbour():
  first, again = (ink.svg(_line(), 'Loss') for _ in range(2))
  assert first == again
  assert first != ink.svg(_line(), 'Other')


def test_drawing_leaves_the_global_settings_alone():
  before = dict(matplotlib.rcParams)
  ink.svg(_line(), 'Sparsity')
  assert dict(matplotlib.rcParams) == before
