"""The BUILD files say the same as the layers: each file in one target, each dependency downwards and used as declared."""

import functools
from typing import Any

from tests.conformance.layering_test import NAMES, layer, own_imports
from tests.conformance.sources import PACKAGES, ROOT, python_files


@functools.cache
def targets() -> dict[str, dict[str, Any]]:
  """{label: {'srcs': files, 'deps': labels}} of every py_library of the packages. BUILD files are valid Python."""
  found = {}
  for build in sorted(path for package in PACKAGES for path in (ROOT / package).rglob('BUILD')):
    folder = build.parent.relative_to(ROOT).as_posix()

    def py_library(name: str, srcs=(), deps=(), data=(), folder=folder) -> None:
      found[_full(f'//{folder}:{name}')] = {'srcs': [f'{folder}/{src}' for src in srcs], 'deps': [_full(label) for label in deps]}

    def glob(patterns: list[str], folder=folder) -> list[str]:
      return sorted(path.relative_to(ROOT / folder).as_posix() for pattern in patterns for path in (ROOT / folder).glob(pattern))

    ignored = {name: lambda *args, **kwargs: None for name in ('load', 'package', 'exports_files')}
    exec(compile(build.read_text(), str(build), 'exec'), {'py_library': py_library, 'glob': glob, **ignored})
  return found


def test_every_file_is_in_exactly_one_target():
  listed = sorted(src for target in targets().values() for src in target['srcs'])
  assert listed == python_files(*PACKAGES)


def test_every_layer_is_a_target_with_its_files():
  for name in NAMES:
    files = [file for file in python_files('st_tf') if layer(file) == name]
    assert sorted(targets()[_of(files[0])]['srcs']) == files, name


def test_dependencies_point_down():
  rank = {_of(file): NAMES.index(layer(file)) for file in python_files('st_tf')}
  wrong = [
    f'{label} depends on {dependency}'
    for label, target in targets().items()
    for dependency in target['deps']
    if label in rank and dependency in rank and rank[dependency] >= rank[label]
  ]
  assert not wrong, '\n'.join(wrong)


def test_every_import_is_a_declared_dependency():
  wrong = [
    f'{place}: {_of(file)} must depend on {_of(target)}'
    for package in PACKAGES
    for place, file, target in own_imports(package)
    if _of(target) not in (_of(file), *targets()[_of(file)]['deps'])
  ]
  assert not wrong, '\n'.join(wrong)


def _of(file: str) -> str:
  label = [label for label, target in targets().items() if file in target['srcs']]
  assert label, f'no BUILD target has {file}'
  return label[0]


def _full(label: str) -> str:
  return label if ':' in label else f'{label}:{label.rsplit("/", 1)[-1]}'
