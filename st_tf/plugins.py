"""What is found by being a file in a folder: tasks, methods, pruning schedules, presets. A new one is one new file and no edit."""

import ast
import importlib
import importlib.util
import pathlib
import pkgutil
import types
from typing import Any

from st_tf.errors import UserError, did_you_mean

_ROOT = pathlib.Path(__file__).resolve().parents[1]


def names(package: str, private: bool = False) -> tuple[str, ...]:
  """The modules of a package, sorted; those whose names begin with an underscore are what the others share, and are none of them.

  Nothing below the topmost package is imported: what a flag may be is known before TensorFlow is.

  Args:
    package: its dotted name, 'st_tf.methods'.
    private: whether to list the shared ones too.
  """
  modules = pkgutil.iter_modules([str(_ROOT.joinpath(*package.split('.')))])
  return tuple(sorted(module.name for module in modules if private or not module.name.startswith('_')))


def load(package: str, name: str, value: str) -> Any:
  """What the module `name` of the package calls `value`, such as METHOD.

  Raises:
    UserError: there is no such module, or it has nothing of that name.
  """
  known = names(package)
  if name not in known:
    raise UserError(f'{package} has {", ".join(known)}. Received: {name!r}.{did_you_mean(name, known)}')
  plugin = module(package, name)
  if not hasattr(plugin, value):
    raise UserError(
      f'Every file of {package} defines {value}. Received: {name}.py, which does not. Files that others share begin with an underscore.'
    )
  return getattr(plugin, value)


def constant(package: str, name: str, value: str, default: Any) -> Any:
  """What the module `name` of the package sets `value` to, in so many words; read from its text, so that nothing is imported."""
  text = _ROOT.joinpath(*package.split('.'), f'{name}.py').read_text(encoding='utf-8')
  for statement in ast.parse(text).body:
    if isinstance(statement, ast.Assign) and any(isinstance(target, ast.Name) and target.id == value for target in statement.targets):
      return ast.literal_eval(statement.value)
  return default


def module(package: str, name: str) -> types.ModuleType:
  """The module `name` of a package that is reached by its name only.

  Raises:
    UserError: a package of that name that is not this library's comes first.
  """
  first = package.split('.')[0]
  spec = importlib.util.find_spec(first)
  where = list(spec.submodule_search_locations or [spec.origin]) if spec else ['nothing']
  if str(_ROOT / first) not in where:
    raise UserError(f'The package {first} is that beside st_tf. Received: {where[0]}, which comes first. Rename it, or work elsewhere.')
  return importlib.import_module(f'{package}.{name}')
