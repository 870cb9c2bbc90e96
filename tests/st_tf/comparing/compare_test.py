"""The function for Python: the same table as the command's, and one that a notebook shows."""

import pathlib

import pytest

from st_tf.comparing import table
from st_tf.comparing.compare import Compared, compare
from st_tf.config import ConfigError
from tests import tiny
from tests.st_tf.comparing.table_test import RATES, results


def compared() -> Compared:
  return Compared(tuple(table.rows(results(), 'top1', RATES)), 'top1', 'test', pathlib.Path('out') / 'index.html')


def test_a_notebook_shows_the_table_and_what_it_says():
  shown = compared()._repr_html_()
  rows = table.rows(results(), 'top1', RATES)
  assert shown.count('<tr>') == 1 + len(rows) and '<th>Method</th>' in shown and 'index.html' in shown
  assert all(line.replace('<', '&lt;') in shown for line in table.differences(rows))


def test_a_terminal_shows_it_too():
  assert str(compared()).splitlines()[0].split()[0] == 'Method'


def test_a_task_in_memory_is_refused_with_the_way_out():
  with pytest.raises(ConfigError, match='find the task by its name. Received: a task in memory. Write a module'):
    compare(tiny.task())


def test_unknown_settings_are_named():
  with pytest.raises(ConfigError, match=r"Received: 'sparsitys'"):
    compare('shapes', sparsitys=(0.5,))
