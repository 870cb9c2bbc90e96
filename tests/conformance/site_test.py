"""The site of the documents: every method and its source, all of Python, links that hold, and nothing that is fetched from elsewhere."""

import importlib.util
import re
import subprocess
import sys

import nbformat
import pytest

import st_tf
from st_tf.config.groups import METHODS, PRUNING_SCHEDULES, RANKINGS, REACTIVATIONS
from tests.conformance.sources import ROOT

FETCHED = re.compile(
  r'<(?:script|img|iframe)[^>]*\ssrc="?(?:https?:)?//|<link[^>]*rel="?(?:stylesheet|preconnect|icon)[^>]*href="?(?:https?:)?//'
)
METHODS_PAGE = (ROOT / 'docs' / 'methods.md').read_text(encoding='utf-8')


def pages():
  """The module that mkdocs asks, which is no part of a package."""
  spec = importlib.util.spec_from_file_location('pages', ROOT / 'docs' / 'pages.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@pytest.mark.parametrize(
  ('page', 'link', 'expected'),
  [
    ('deploying.md', '[a](results/mobile)', '[a](results/mobile/README.md)'),
    ('results/comparison/screening/README.md', '[a](..)', '[a](../README.md)'),
    ('results/camvid/README.md', '[a](../../train_step.md#x)', '[a](../../train_step.md#x)'),
    ('index.md', '[a](../README.md)', '[a](in_short.md)'),
    ('settings.md', '[a](../CONTRIBUTING.md)', '[a](contributing.md)'),
    ('results/README.md', '[a](../../CONTRIBUTING.md#style)', '[a](../contributing.md#style)'),
    ('contributing.md', '[a](docs/settings.md#tasks)', '[a](settings.md#tasks)'),
    ('architecture.md', '[`a`](st_tf/train.py)', '`a`'),
    ('python.md', '[a](quickstart.ipynb)', '[a](quickstart.md)'),
    ('quickstart.md', '[a](quickstart.ipynb)', '[a](quickstart.ipynb)'),
    ('results/camvid/README.md', '[a](index.html)', '[a](report.html)'),
    ('python.md', '[a](https://a.b/c) [b](#here)', '[a](https://a.b/c) [b](#here)'),
  ],
)
def test_links_of_the_repository_become_links_of_the_site(page, link, expected):
  assert pages().relinked(f'Before {link} after', page) == f'Before {expected} after'


def test_a_notebook_is_a_page_with_what_it_has_shown():
  cells = [nbformat.v4.new_markdown_cell('# Title'), nbformat.v4.new_code_cell('1 + 1')]
  written = pages().text_of(nbformat.v4.new_notebook(cells=cells), 'a.ipynb')
  assert written == '# Title\n\nAll of this page is a notebook, to run: [a.ipynb](a.ipynb).\n\n```python\n1 + 1\n```'
  cells[1].outputs = [
    nbformat.v4.new_output('stream', name='stderr', text='noise'),
    nbformat.v4.new_output('stream', name='stdout', text='said\n'),
    nbformat.v4.new_output('execute_result', {'text/html': '<b>2</b>', 'text/plain': '2'}),
  ]
  shown = pages().text_of(nbformat.v4.new_notebook(cells=cells), 'a.ipynb')
  assert shown == f'{written}\n\n```text\nsaid\n```\n\n<div class="output"><b>2</b></div>'


def test_a_notebook_that_was_changed_since_it_ran_is_shown_as_it_is(tmp_path, monkeypatch):
  module, cells = pages(), [nbformat.v4.new_code_cell('1')]
  monkeypatch.setattr(module, 'ROOT', tmp_path)
  (tmp_path / 'build').mkdir()
  nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / 'a.ipynb')
  cells[0].outputs = [nbformat.v4.new_output('stream', text='one')]
  nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / 'build' / 'a.ipynb')
  assert module.executed(tmp_path / 'a.ipynb').cells[0].outputs
  nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell('2')]), tmp_path / 'a.ipynb')
  assert not module.executed(tmp_path / 'a.ipynb').cells[0].outputs


def test_flags_in_code_are_marked_and_elsewhere_left():
  marked = pages().on_page_content('<p>--a</p><code>run --a=1 a--b</code>', None, None, None)
  assert marked == '<p>--a</p><code>run <span class="flag">--a</span>=1 a--b</code>'


def test_all_settings_are_listed_with_their_defaults():
  listed = pages().all_settings()
  assert '| `--prune_end` | 0.7 |' in listed and '| `--seeds` | 3 |' in listed and listed.count('\n| `--epochs` |') == 1


@pytest.mark.parametrize('name', [*METHODS, *REACTIVATIONS, *PRUNING_SCHEDULES, *RANKINGS])
def test_every_choice_has_a_paragraph_and_its_source(name):
  found = re.findall(rf'^### `{name}`[^\n]*\n\n(.*?)(?=^#|\Z)', METHODS_PAGE, re.DOTALL | re.MULTILINE)
  assert len(found) == [*METHODS, *REACTIVATIONS, *PRUNING_SCHEDULES, *RANKINGS].count(name)
  assert all(re.search(r'\]\(https://|has no (one )?source|Ours\.', text) for text in found)


def test_the_reference_has_all_of_python():
  shown = set(re.findall(r'heading: st_tf\.(\w+)[,. ]', (ROOT / 'docs' / 'reference.md').read_text(encoding='utf-8')))
  assert shown >= {*st_tf.__all__} - {'__version__'}


@pytest.mark.slow
def test_the_site_is_built_with_reports_and_fetches_nothing_from_elsewhere(tmp_path):
  done = subprocess.run(
    [sys.executable, '-m', 'mkdocs', 'build', '--quiet', '--site-dir', tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
  )
  assert done.returncode == 0, done.stdout + done.stderr
  built = {path.relative_to(tmp_path).as_posix(): path.read_text(encoding='utf-8') for path in tmp_path.rglob('*.html')}
  assert {'index.html', 'quickstart.html', 'methods.html', 'results/index.html', 'results/comparison/report.html'} <= set(built)
  assert not [name for name, text in built.items() if FETCHED.search(text)]
  assert 'Draws a ticket' in built['reference.html'] and '::: ' not in built['reference.html']
