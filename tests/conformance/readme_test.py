"""The commands in the documents exist: their modules, their flags, their make targets. README's Python runs."""

import ast
import dataclasses
import functools
import inspect
import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
from PIL import Image
import pytest

import st_tf
from st_tf.comparing.options import Options
from st_tf.config import Config
from st_tf.task import DataConfig
from tests.conformance.sources import PACKAGES, ROOT

DOCUMENTS = (
  'README.md',
  'CONTRIBUTING.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / 'docs').glob('*.md')),
)
README_LINES = 120
LONGEST_LINE = 200
# So that the snippets take seconds; data as in README otherwise.
QUICK = {'supernet': 'tiny', 'target_macs': 0.0, 'epochs': 4, 'train_examples': 3000, 'batch_size': 32}


def commands(document: str) -> list[list[str]]:
  """The words of every line of the ```sh blocks, those in lists too, continued lines joined, comments dropped."""
  text = (ROOT / document).read_text(encoding='utf-8')
  blocks = re.findall(r'^ *```(?:sh|bash)\n(.*?)^ *```', text, re.DOTALL | re.MULTILINE)
  lines = '\n'.join(blocks).replace('\\\n', ' ').splitlines()
  return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


def snippets(document: str) -> list[str]:
  """The ```python blocks."""
  return re.findall(r'^```python\n(.*?)^```', (ROOT / document).read_text(encoding='utf-8'), re.DOTALL | re.MULTILINE)


def module_calls(document: str) -> list[tuple[str, list[str]]]:
  """(module, arguments) of every `python -m` of this project in the document."""
  calls = []
  for words in commands(document):
    if '-m' in words[:3] and words[words.index('-m') + 1].split('.')[0] in PACKAGES:
      start = words.index('-m') + 1
      calls.append((words[start], words[start + 1 :]))
  return calls


@pytest.mark.parametrize('document', DOCUMENTS)
def test_make_targets_in_a_document_exist(document):
  targets = set(re.findall(r'^([a-z0-9_]+):', (ROOT / 'Makefile').read_text(), re.MULTILINE))
  for words in commands(document):
    if words[0] == 'make':
      assert {word for word in words[1:] if '=' not in word and not word.startswith('-')} <= targets, words


@pytest.mark.parametrize('document', DOCUMENTS)
def test_modules_in_a_document_exist_and_know_its_flags(document):
  for module, arguments in module_calls(document):
    assert _source(module).is_file(), module
    unknown = [word for word in arguments if word.startswith('--') and not _names(word) & _flags(module)]
    assert not unknown, f'{module} has no {unknown}'


@pytest.mark.parametrize('document', DOCUMENTS)
def test_lines_of_a_document_are_not_long(document):
  lines = (ROOT / document).read_text(encoding='utf-8').splitlines()
  assert not [f'{document}:{number}: {len(line)}' for number, line in enumerate(lines, 1) if len(line) > LONGEST_LINE]


def test_readme_is_short():
  assert len((ROOT / 'README.md').read_text(encoding='utf-8').splitlines()) <= README_LINES


@pytest.mark.parametrize('document', DOCUMENTS)
def test_files_that_a_document_links_to_are_there(document):
  text = (ROOT / document).read_text(encoding='utf-8')
  links = {link.partition('#')[0] for link in re.findall(r'\]\(([^)\s]+)\)', text) if '://' not in link}
  assert not [link for link in links if not ((ROOT / document).parent / link).exists()]


@pytest.mark.parametrize('document', DOCUMENTS)
def test_python_in_a_document_calls_what_is_there_with_arguments_that_it_has(document):
  for snippet in snippets(document):
    for call in (node for node in ast.walk(ast.parse(snippet)) if isinstance(node, ast.Call)):
      name = ast.unparse(call.func)
      if name.startswith('st_tf.'):
        given = {keyword.arg for keyword in call.keywords}
        assert given <= _arguments(name), f'{name} has no {given - _arguments(name)}'


@pytest.mark.slow
def test_the_python_of_readme_runs_and_its_model_scores_on_pixels_as_the_ticket(tmp_path, monkeypatch):
  draw = st_tf.draw
  quick = {name: value for name, value in QUICK.items() if name not in _fields(DataConfig)}  # Data in memory have settings of their own.
  monkeypatch.setattr(st_tf, 'draw', lambda task, **given: draw(task, **given | (QUICK if task == 'shapes' else quick)))
  monkeypatch.chdir(tmp_path)
  task = st_tf.task.load('shapes', DataConfig())
  batches = list(task.dataset('test', 500).as_numpy_iterator())
  pictures = np.concatenate([task.normalisation.denormalised(images) for images, _ in batches])
  labels = np.concatenate([targets.argmax(1) for _, targets in batches])
  Image.fromarray(pictures[0]).save('picture.png')
  np.savez('photos.npz', images=pictures[:200], labels=labels[:200] % 2)

  names = {}
  for snippet in snippets('README.md'):
    exec(compile(snippet, 'README.md', 'exec'), names)

  recorded, pixels = names['ticket'].metrics['test']['top1'], pictures / np.float32(255)
  right = names['model'].predict(pixels, batch_size=100, verbose=0).argmax(1) == labels
  assert right.mean() == pytest.approx(recorded, abs=0.0021)  # Two of 1,000 pictures.
  assert recorded > 0.15  # Something was learned: a network that reads pixels in another scale would not have it.
  assert names['seen'].label in task.labels and names['mine'].predict('picture.png').label in ('cat', 'dog')
  assert (tmp_path / 'shapes.keras').is_file() and list((tmp_path / 'runs' / 'shapes').glob('tickets/*/model_float16.tflite'))


def _fields(group: type) -> set[str]:
  return {field.name for field in dataclasses.fields(group)}


def _arguments(name: str) -> set[str]:
  """What `st_tf.NAME` takes by name, settings of a run included."""
  found = functools.reduce(getattr, name.split('.')[1:], st_tf)
  taken = inspect.signature(found).parameters
  several = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
  settings = {*Config().flat(), *_fields(Options), *_fields(DataConfig)}
  return {*taken, *(settings if several else ())}


def _names(word: str) -> set[str]:
  name = re.match(r'--(\w+)', word).group(1)
  return {name, name.removeprefix('no')}


def _source(module: str) -> pathlib.Path:
  path = ROOT.joinpath(*module.split('.'))
  return path / '__main__.py' if path.is_dir() else path.with_suffix('.py')


@functools.cache
def _flags(module: str) -> set[str]:
  """The flags that the command's own --helpfull lists."""
  shown = subprocess.run([sys.executable, '-m', module, '--helpfull'], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
  return {'help', *re.findall(r'--(?:\[no\])?(\w+)', shown.stdout)}
