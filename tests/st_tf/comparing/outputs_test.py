import json

from st_tf.comparing import outputs, table
from tests.st_tf.comparing.table_test import RATES, results

ROWS = table.rows(results(), 'top1', RATES)


def test_all_forms_of_the_table_are_written(tmp_path):
  outputs.write(tmp_path, ROWS, 'top1', 'a comparison', ['16 epochs.'], 'python -m st_tf.compare')
  assert (tmp_path / 'comparison.md').read_text().startswith('# a comparison\n\n16 epochs.\n\n    python -m st_tf.compare\n\n| Method')
  assert [row['method'] for row in json.loads((tmp_path / 'comparison.json').read_text())['rows']] == ['a', 'b', 'c']
  assert len((tmp_path / 'comparison.csv').read_text().splitlines()) == 4
  page = (tmp_path / 'index.html').read_text()
  assert page.count('<svg') == 3 and 'at 90% sparsity' in page and 'ahead, beyond the noise' in page and 'NaN' not in page


def test_the_front_is_marked_and_failed_rows_are_no_points():
  failed = table.rows([*results(), table.Result('d', 0.9, 0, 0, None, error='x')], 'top1', RATES | {'d': table.Rate(0.1)})
  found = outputs.points(failed, lambda row: row.costs['nonzero_macs'])
  assert [(point.label, point.is_front) for point in found] == [('a', True), ('b', False), ('c', False)]


def test_the_terminal_shows_aligned_columns():
  lines = outputs.terminal(ROWS, 'top1').splitlines()
  assert len({line.index('90%') for line in lines[1:4]}) == 1 and 'a against b' in lines[5]
