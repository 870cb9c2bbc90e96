"""The commands in the documents exist: their modules, their flags, their make targets."""

import functools
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from tests.conformance.sources import PACKAGES, ROOT

DOCUMENTS = ('README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md', 'docs/maps.md', 'docs/recipes.md', 'docs/doctor.md')


def commands(document: str) -> list[list[str]]:
  """The words of every line of the ```sh blocks, those in lists too, continued lines joined, comments dropped."""
  text = (ROOT / document).read_text(encoding='utf-8')
  blocks = re.findall(r'^ *```(?:sh|bash)\n(.*?)^ *```', text, re.DOTALL | re.MULTILINE)
  lines = '\n'.join(blocks).replace('\\\n', ' ').splitlines()
  return [words for words in (shlex.split(line, comments=True) for line in lines) if words]


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


def _names(word: str) -> set[str]:
  name = re.match(r'--(\w+)', word).group(1)
  return {name, name.removeprefix('no')}


def _source(module: str) -> pathlib.Path:
  path = ROOT.joinpath(*module.split('.'))
  return path / '__main__.py' if path.is_dir() else path.with_suffix('.py')


@functools.cache
def _flags(module: str) -> set[str]:
  """The flags that the command's own --help lists."""
  shown = subprocess.run([sys.executable, '-m', module, '--help'], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
  return {'help', *re.findall(r'--(?:\[no\])?(\w+)', shown.stdout)}
