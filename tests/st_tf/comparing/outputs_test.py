import dataclasses
import json

from st_tf.comparing import outputs, table
from tests.st_tf.comparing.table_test import RATES, results

ROWS = table.rows(results(), 'top1', RATES)


def test_all_forms_of_the_table_are_written(tmp_path):
  outputs.write(tmp_path, ROWS, 'top1', 'a comparison', ['16 epochs.'], 'python -m st_tf.compare')
  assert (tmp_path / 'comparison.md').read_text().startswith('# a comparison\n\n16 epochs.\n\n    python -m st_tf.compare\n\n| Method')
  data = (tmp_path / 'comparison.json').read_text()
  assert [row['method'] for row in json.loads(data)['rows']] == ['a', 'b', 'c'] and 'NaN' not in data
  assert len((tmp_path / 'comparison.csv').read_text().splitlines()) == 4
  page = (tmp_path / 'index.html').read_text()
  assert page.count('<svg') == 3 and 'at 90% sparsity' in page and 'ahead, beyond the noise' in page and 'NaN' not in page


def test_the_front_is_marked_and_failed_rows_are_no_points():
  failed = table.rows([*results(), table.Result('d', 0.9, 0, 0, None, error='x')], 'top1', RATES | {'d': table.Rate(0.1)})
  found = outputs.points(failed, lambda row: row.costs['nonzero_macs'])
  assert [(point.label, point.is_front) for point in found] == [('a', True), ('b', False), ('c', False)]


def test_runs_that_keep_to_a_budget_anyway_are_one_point_and_others_two():
  within = [dataclasses.replace(result, budget=9) for result in results()]
  others = {label: {0: score} for label, score in ((('a', 0.9), 0.5), (('b', 0.9), 0.44))}
  other = [dataclasses.replace(result, budget=16) for result in results(others)]
  found = outputs.points(table.rows([*results(), *within, *other], 'top1', RATES), lambda row: row.training.macs)
  assert [point.label for point in found] == ['a', 'b', 'c', 'a (cost of 16 epochs)', 'b (cost of 16 epochs)']


def test_the_terminal_shows_aligned_columns_within_its_width(monkeypatch):
  lines = outputs.terminal(ROWS, 'top1', width=200).splitlines()
  assert len({line.index('90%') for line in lines if line[:1] in [*'abc'] and ' 90% ' in line[:20]}) == 1
  assert any(line.startswith('Highest top-1 accuracy: a at 90%') for line in lines) and 'a against b' in ''.join(lines)
  monkeypatch.setenv('COLUMNS', '60')
  assert max(map(len, outputs.terminal(ROWS, 'top1').splitlines())) <= 60
