"""Fails when a Python file of this repository imports another one that its Bazel target does not declare.

Called by defs.bzl: check_imports.py STAMP LABEL SOURCE... -- DECLARED...
"""

import ast
import pathlib
import sys

OWN = ('st_tf', 'tasks', 'tflite', 'tests')


def imported(path: pathlib.Path) -> list[tuple[str, int]]:
  """Dotted names that `path` imports, with line numbers; `from a import b` gives a.b, which may be a module or a name in a."""
  names = []
  for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
    if isinstance(node, ast.Import):
      names += [(alias.name, node.lineno) for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      names += [(f'{node.module}.{alias.name}', node.lineno) for alias in node.names]
  return names


def provided(name: str, declared: set[str]) -> bool:
  """Whether a declared file is the module called `name`, or defines it."""
  whole = name.replace('.', '/')
  path, _, attribute = whole.rpartition('/')
  if declared.intersection((f'{whole}.py', f'{whole}/__init__.py', f'{path}.py')):
    return True
  package = f'{path}/__init__.py'
  # An empty __init__.py defines nothing: `from package import module` needs the module's own file.
  return package in declared and attribute in defined(pathlib.Path(package))


def defined(path: pathlib.Path) -> set[str]:
  """Names that a file's top level defines or imports."""
  names: set[str] = set()
  for node in ast.parse(path.read_text(encoding='utf-8')).body:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
      names.update(alias.asname or alias.name for alias in node.names)
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
      names.add(node.name)
    elif isinstance(node, ast.Assign):
      names.update(target.id for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
      names.add(node.target.id)
  return names


def main(stamp: str, label: str, *arguments: str) -> None:
  """Writes the stamp, or ends the process with a line for each import that is not declared."""
  split = arguments.index('--')
  sources, declared = arguments[:split], set(arguments[split + 1 :])
  errors = [
    f'{source}:{line}: {label} imports {name}, which is in no declared dependency'
    for source in sources
    for name, line in imported(pathlib.Path(source))
    if name.split('.')[0] in OWN and not provided(name, declared)
  ]
  if errors:
    sys.exit('\n'.join(errors))
  pathlib.Path(stamp).write_text('ok\n')


if __name__ == '__main__':
  main(*sys.argv[1:])
