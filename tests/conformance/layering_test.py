"""Imports point down only. The table below is the authority; BUILD files and ARCHITECTURE.md follow it."""

import graphlib
import re
import subprocess
import sys

import pytest

from tests.conformance.sources import PACKAGES, ROOT, imports, python_files

# The packages of st_tf, lowest first; each sees those above it in this list and itself. Below them all lies the ground, modules that
# know nothing of networks; above them all the commands. A new package is added here.
PACKAGES_OF_ST_TF = (
  'arch',
  'task',
  'config',
  'models',
  'search',
  'pruning',
  'ticket',
  'training',
  'runs',
  'report',
  'methods',
  'api',
  'comparing',
)
COMMANDS = ('compare', 'evaluate', 'predict', 'train', 'transfer')
NAMES = ('ground', *PACKAGES_OF_ST_TF, 'commands')

# What the other packages may take from st_tf, and which layer of st_tf may use tflite. st_tf reaches tasks by name only.
TFLITE_SEES = ('ground', 'arch', 'task', 'config', 'models', 'search', 'pruning', 'ticket')
TASKS_SEE = ('ground', 'arch', 'task')
SEES_TFLITE = ('api',)


def layer(file: str) -> str | None:
  """The layer of a file of st_tf, or None when the list does not have it."""
  first, *rest = file.removeprefix('st_tf/').removesuffix('.py').split('/')
  if rest:
    return first if first in PACKAGES_OF_ST_TF else None
  return 'commands' if first in COMMANDS else 'ground'


def own_imports(package: str) -> list[tuple[str, str, str]]:
  """(place, importing file, imported file) of every import of this project's own files in a package."""
  return [
    (f'{file}:{entry.line}', file, entry.file)
    for file in python_files(package)
    for entry in imports(file)
    if entry.file and entry.file.split('/')[0] in PACKAGES
  ]


def test_every_file_has_a_layer():
  homeless = [file for file in python_files('st_tf') if layer(file) is None]
  assert not homeless, f'put their package into the list of this test: {homeless}'


def test_every_package_in_the_list_exists():
  assert {layer(file) for file in python_files('st_tf')} == set(NAMES)


def test_the_library_imports_downwards_only():
  wrong = [
    f'{place}: {layer(file)} imports {layer(target)} ({target})'
    for place, file, target in own_imports('st_tf')
    if layer(file) and layer(target) and NAMES.index(layer(target)) > NAMES.index(layer(file))
  ]
  assert not wrong, '\n'.join(wrong)


def test_the_library_reaches_tasks_by_name_only_and_tflite_from_one_package_only():
  wrong = [
    f'{place}: imports {target}'
    for place, file, target in own_imports('st_tf')
    if target.startswith('tasks/') or (target.startswith('tflite/') and layer(file) not in SEES_TFLITE)
  ]
  assert not wrong, '\n'.join(wrong)


def test_only_commands_reach_for_the_process():
  """What a run needs from its process is passed in: a program that calls the library keeps its arguments, signals and exit codes."""
  reaching = re.compile(r'\b(sys\.argv|signal\.signal\(|sys\.exit\()')
  files = [file for file in python_files('st_tf') if layer(file) != 'commands' and file != 'st_tf/command.py']
  wrong = [f'{file}: {found[0]}' for file in files for found in [reaching.search((ROOT / file).read_text(encoding='utf-8'))] if found]
  assert not wrong, '\n'.join(wrong)


def test_no_method_imports_another():
  wrong = [
    f'{place}: imports {target}'
    for place, file, target in own_imports('st_tf')
    if layer(file) == layer(target) == 'methods' and file != target and not target.startswith('st_tf/methods/_')
  ]
  assert not wrong, '\n'.join(wrong)


def test_no_command_imports_another():
  wrong = [f'{place}: imports {target}' for place, file, target in own_imports('st_tf') if layer(file) == layer(target) == 'commands']
  assert not wrong, '\n'.join(wrong)


def test_tasks_know_the_task_interface_and_what_they_share():
  wrong = [
    f'{place}: imports {target}'
    for place, _, target in own_imports('tasks')
    if not target.startswith('tasks/_') and layer(target) not in TASKS_SEE
  ]
  assert not wrong, '\n'.join(wrong)


def test_tflite_knows_tickets_and_models():
  wrong = [
    f'{place}: imports {target}'
    for place, _, target in own_imports('tflite')
    if not target.startswith('tflite/') and layer(target) not in TFLITE_SEES
  ]
  assert not wrong, '\n'.join(wrong)


def test_no_files_import_each_other_in_a_circle():
  graph = {
    file: {target for _, source, target in own_imports(package) if source == file} for package in PACKAGES for file in python_files(package)
  }
  for file, targets in graph.items():
    targets.discard(file)
  try:
    graphlib.TopologicalSorter(graph).prepare()
  except graphlib.CycleError as error:
    pytest.fail(f'circular imports: {" -> ".join(error.args[1])}')


def test_imports_are_absolute():
  wrong = [f'{file}:{entry.line}' for file in python_files(*PACKAGES, 'tests') for entry in imports(file) if entry.name.startswith('.')]
  assert not wrong, '\n'.join(wrong)


def test_sources_do_not_import_tests_or_the_keras_of_tensorflow():
  """tfmot is Keras 2; whoever imports Keras 3 first decides for everybody (keras_tuner alone uses it, inside).

  Files that Keras 3 has written it reads itself, where one is given: `keras_files` imports it in its functions.
  """
  banned = ('tests', 'keras', 'tensorflow.keras')
  wrong = [
    f'{file}:{entry.line}: imports {entry.name}'
    for file in python_files(*PACKAGES)
    for entry in imports(file)
    if any(entry.name == name or entry.name.startswith(f'{name}.') for name in banned)
    and (file, entry.name) != ('st_tf/models/keras_files.py', 'keras')
  ]
  assert not wrong, '\n'.join(wrong)


def test_commands_read_their_flags_before_tensorflow_is_loaded():
  files = [file for file in python_files('st_tf', 'tflite') if 'command.run(main)' in (ROOT / file).read_text(encoding='utf-8')]
  assert 'st_tf/train.py' in files and len(files) > 10
  script = (
    'import importlib, sys\nfor name in sys.argv[1:]:\n  importlib.import_module(name)\n  assert "tensorflow" not in sys.modules, name'
  )
  names = [file.removesuffix('.py').replace('/', '.') for file in files]
  done = subprocess.run([sys.executable, '-c', script, *names], cwd=ROOT, capture_output=True, text=True, check=False)
  assert done.returncode == 0, done.stderr
