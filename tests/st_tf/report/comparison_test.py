from st_tf.report import comparison
from tests.st_tf.report.pareto_test import POINTS


def write(path, **changes):
  content = {
    **{'title': 'A & B', 'about': ['16 epochs.'], 'command': 'python -m x', 'plots': [('Top-1', 'MACs', POINTS)]},
    **{'differences': ['a is ahead.'], 'columns': ['Method', 'Score'], 'rows': [[('a', 'a'), ('50.0%', 0.5)]], 'errors': []},
  }
  comparison.write(path, **content | changes)
  return path.read_text()


def test_the_page_has_plots_words_and_a_table_that_sorts_by_values(tmp_path):
  page = write(tmp_path / 'new' / 'index.html')
  assert 'A &amp; B' in page and page.count('<svg') == 1 and '<li>a is ahead.</li>' in page and 'data-value="0.5"' in page
  assert 'Without a result' not in page


def test_what_is_missing_is_said(tmp_path):
  page = write(tmp_path / 'index.html', plots=[('Top-1', 'MACs', [])], differences=[], errors=['b at 90%, seed 0: <killed>'])
  assert '<svg' not in page and 'There is one method' in page and 'seed 0: &lt;killed&gt;' in page
