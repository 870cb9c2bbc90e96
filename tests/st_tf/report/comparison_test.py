import math

from st_tf.report import comparison
from st_tf.report.pareto import Point
from tests.st_tf.report.pareto_test import POINTS


def write(path, **changes):
  content = {
    **{'title': 'A & B', 'about': ['16 epochs.'], 'command': 'python -m x', 'plots': [('Top-1', 'MACs', POINTS)]},
    **{
      'conclusion': ['a is best.'],
      'differences': ['a is ahead.'],
      'trims': [],
      'columns': ['Method', 'Score'],
      'rows': [[('a', 'a'), ('50.0%', 0.5)]],
      'errors': [],
    },
  }
  comparison.write(path, **content | changes)
  return path.read_text()


def test_the_page_has_plots_words_and_a_table_that_sorts_by_values(tmp_path):
  page = write(tmp_path / 'new' / 'index.html')
  assert 'A &amp; B' in page and page.count('<svg') == 1 and '<li>a is ahead.</li>' in page and 'data-value="0.5"' in page
  assert 'Without a result' not in page


def test_conclusion_and_table_come_first_and_the_command_last(tmp_path):
  page = write(tmp_path / 'index.html', command='python -m x --methods=a,b --seeds=3')
  assert sorted(places := [page.index(word) for word in ('a is best.', '<table', 'a is ahead.', '<svg', '16 epochs.', '--seeds')]) == places
  assert '<span>--methods=a,b</span> <span>--seeds=3</span>' in page
  assert page.count('data-title="Score"') == 1, 'a phone shows cells below each other, with their titles'


def test_the_page_speaks_of_nothing_that_is_not_drawn(tmp_path):
  page = write(tmp_path / 'index.html')
  assert 'Bars are' in page and 'the front' in page and '>front<' in page
  single = [('Top-1', 'MACs', [Point('a', 1e6, 0.5, math.nan, True), Point('b', 2e6, 0.4, math.nan, False)])]
  page = write(tmp_path / 'index.html', plots=single)
  assert 'Bars are' not in page and 'front' not in page.partition('<section>')[2]


def test_trimmed_is_explained_where_it_stands(tmp_path):
  page = write(tmp_path / 'index.html', trims=['b at 90%: 1 of 3 searches'])
  assert page.index('Trimmed to meet') < page.index('those nearest to it were removed') < page.index('b at 90%: 1 of 3 searches')
  assert 'Trimmed' not in write(tmp_path / 'index.html')


def test_what_is_missing_is_said(tmp_path):
  page = write(tmp_path / 'index.html', plots=[('Top-1', 'MACs', [])], differences=[], errors=['b at 90%, seed 0: <killed>'])
  assert '<svg' not in page and 'There is one method' in page and 'seed 0: &lt;killed&gt;' in page
