"""What no formatter checks: types, docstrings, sizes, a test for each file, nothing left lying about."""

import ast
import pathlib
import re

from tests.conformance.sources import PACKAGES, ROOT, functions, is_public, python_files, tree

LONGEST_FILE_LINES = 350
LONGEST_FUNCTION_LINES = 60

# Written with gaps, or this file would report itself.
DEBRIS = re.compile(r'\b(TO_DO|FIX_ME|XX_X|break_point\(|pd_b)\b'.replace('_', ''))
MACHINE_PATH = re.compile(r'(^|[\s\'"=(])/(tmp|home|root|work|Users)/')
TEXTS = ('*.md', '*.toml', '*.txt', '*.cff', '*.yml', 'Makefile', 'BUILD', '*.bazel', 'WORKSPACE')


def test_public_functions_are_typed():
  untyped = []
  for file in python_files(*PACKAGES):
    for name, function in functions(file):
      arguments = [a for a in _arguments(function) if a.arg not in ('self', 'cls')]
      if is_public(name) and (function.returns is None or any(a.annotation is None for a in arguments)):
        untyped.append(f'{file}:{function.lineno}: {name}')
  assert not untyped, '\n'.join(untyped)


def test_modules_and_public_definitions_have_docstrings():
  silent = []
  for file in python_files(*PACKAGES):
    module = tree(file)
    documented = {name for name, node in functions(file) if ast.get_docstring(node)}
    silent += [file] if module.body and not ast.get_docstring(module) else []
    for node in module.body:
      if isinstance(node, ast.ClassDef) and is_public(node.name):
        # A method that fills in one of a class in the same file says what that one says.
        documented |= {
          f'{node.name}.{name.split(".")[1]}' for name in documented for base in node.bases if name.startswith(f'{ast.unparse(base)}.')
        }
        silent += [] if ast.get_docstring(node) else [f'{file}:{node.lineno}: {node.name}']
    silent += [f'{file}:{node.lineno}: {name}' for name, node in functions(file) if is_public(name) and name not in documented]
  assert not silent, '\n'.join(silent)


def test_every_source_file_has_a_test_file_of_its_name():
  missing = []
  for file in python_files(*PACKAGES):
    path = pathlib.PurePath(file)
    if path.name != '__init__.py' and not (ROOT / 'tests' / path.with_name(f'{path.stem}_test.py')).is_file():
      missing.append(f'{file}: tests/{path.with_name(f"{path.stem}_test.py")}')
  assert not missing, '\n'.join(missing)


def test_files_and_functions_are_short():
  long = []
  for file in python_files(*PACKAGES, 'tests', 'benchmarks'):
    lines = len((ROOT / file).read_text(encoding='utf-8').splitlines())
    long += [f'{file}: {lines} lines'] if lines > LONGEST_FILE_LINES else []
    for node in ast.walk(tree(file)):
      if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION_LINES:
        long.append(f'{file}:{node.lineno}: {node.name}: {node.end_lineno - node.lineno + 1} lines')
  assert not long, '\n'.join(long)


def test_nothing_is_left_lying_about():
  files = [ROOT / file for file in python_files(*PACKAGES, 'tests', 'benchmarks')]
  files += [path for pattern in TEXTS for path in (*ROOT.glob(pattern), *(ROOT / 'docs').rglob(pattern))]
  left = []
  for path in files:
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
      if DEBRIS.search(line) or (MACHINE_PATH.search(line) and 'tests' not in path.relative_to(ROOT).parts):
        left.append(f'{path.relative_to(ROOT)}:{number}: {line.strip()}')
  assert not left, '\n'.join(left)


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
  spec = function.args
  return [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *filter(None, (spec.vararg, spec.kwarg))]
