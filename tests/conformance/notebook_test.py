"""The notebook runs from its first cell to its last, and is committed without what a run has left in it."""

import os
import pathlib

import nbclient
import nbformat
import pytest

from tests.conformance.sources import ROOT

NOTEBOOK = ROOT / 'docs' / 'quickstart.ipynb'
SECONDS = 1200  # For one cell, on a machine that does other things too.
EXECUTED = 'ST_TF_EXECUTED'  # The folder that it is left in, for the site to show; none = nowhere.


def notebook() -> nbformat.NotebookNode:
  found = nbformat.read(NOTEBOOK, as_version=4)
  nbformat.validate(found)
  return found


def shown(cell: nbformat.NotebookNode, kind: str) -> str:
  """What a cell has printed, or shown as 'text/html' or 'image/png'."""
  if kind == 'text':
    return ''.join(output.get('text', '') for output in cell.outputs if output.output_type == 'stream' and output.name == 'stdout')
  return ''.join(output.data.get(kind, '') for output in cell.outputs if 'data' in output)


def code(found: nbformat.NotebookNode, words: str) -> nbformat.NotebookNode:
  """The code cell with these words in it."""
  (cell,) = [cell for cell in found.cells if cell.cell_type == 'code' and words in cell.source]
  return cell


def test_it_is_committed_without_outputs():
  cells = [cell for cell in notebook().cells if cell.cell_type == 'code']
  assert cells and not any(cell.outputs or cell.execution_count for cell in cells)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_it_runs_and_shows_what_it_says(tmp_path, monkeypatch):
  monkeypatch.setenv('TMPDIR', str(tmp_path))
  monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(ROOT), *filter(None, [os.environ.get('PYTHONPATH')])]))
  monkeypatch.setenv('IPYTHONDIR', str(tmp_path / 'ipython'))
  found = notebook()
  nbclient.NotebookClient(found, timeout=SECONDS, resources={'metadata': {'path': str(tmp_path)}}).execute()  # Raises where a cell does.
  if os.environ.get(EXECUTED):
    folder = pathlib.Path(os.environ[EXECUTED])
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(found, folder / NOTEBOOK.name)
  assert 'Ticket at 80% sparsity' in shown(code(found, 'ticket = st_tf.draw('), 'text')
  (table,) = [cell for cell in found.cells if cell.source == 'ticket']
  assert all(words in shown(table, 'text/html') for words in ('<table>', 'shapes: classification', 'Fingerprint'))
  assert 'image/png' in str(shown(code(found, 'ticket.predict('), 'text/html'))
  assert 'of 256 test pictures' in shown(code(found, 'build_model()'), 'text')
  assert float(shown(code(found, 'load_model'), 'text').split()[-1]) < 1e-5
  assert "'top1'" in shown(code(found, 'st_tf.evaluate('), 'text/plain')
  assert 'red' in shown(code(found, 'mine.predict('), 'text/html')
