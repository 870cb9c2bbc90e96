"""The project's own sources as the conformance tests read them: files, imports, public functions."""

import ast
from collections.abc import Iterator
import dataclasses
import functools
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ('st_tf', 'tasks', 'tflite')


@dataclasses.dataclass(frozen=True)
class Import:
  """One imported name.

  Attributes:
    name: 'a.b' for `import a.b`, 'a.b.c' for `from a.b import c`.
    file: the file of this project that it comes from, relative to the root; None for what is not ours.
    line: where it stands.
  """

  name: str
  file: str | None
  line: int


def python_files(*folders: str) -> list[str]:
  """The Python files in the folders, relative to the root, sorted."""
  return sorted(path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / folder).rglob('*.py'))


@functools.cache
def tree(file: str) -> ast.Module:
  """The parsed file."""
  return ast.parse((ROOT / file).read_text(encoding='utf-8'), file)


@functools.cache
def imports(file: str) -> tuple[Import, ...]:
  """Everything the file imports, also inside functions."""
  found = []
  for node in ast.walk(tree(file)):
    if isinstance(node, ast.Import):
      found += [Import(alias.name, _file(alias.name), node.lineno) for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      # A relative import has no place here: it hides from whom something is taken.
      module = '.' * node.level + (node.module or '')
      found += [Import(f'{module}.{alias.name}', _file(f'{module}.{alias.name}'), node.lineno) for alias in node.names]
  return tuple(found)


def functions(file: str) -> Iterator[tuple[str, ast.FunctionDef]]:
  """(dotted name, definition) of the functions of the module and of its classes, private ones too."""
  for node in tree(file).body:
    if isinstance(node, ast.FunctionDef):
      yield node.name, node
    elif isinstance(node, ast.ClassDef):
      yield from ((f'{node.name}.{inner.name}', inner) for inner in node.body if isinstance(inner, ast.FunctionDef))


def is_public(name: str) -> bool:
  """Whether no part of the dotted name starts with an underscore."""
  return not any(part.startswith('_') for part in name.split('.'))


def _file(name: str) -> str | None:
  parts = name.split('.')
  for length in (len(parts), len(parts) - 1):
    for end in ('.py', '/__init__.py'):
      candidate = '/'.join(parts[:length]) + end
      if length and (ROOT / candidate).is_file():
        return candidate
  return None
