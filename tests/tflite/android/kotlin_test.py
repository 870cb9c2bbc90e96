"""The Kotlin sources compile, against stubs of what comes with Android, and their unit tests pass on a JVM."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from tests import tiny
from tflite import vectors
from tflite.android import template
from tflite.deployment import of_ticket
from tflite.file.encode import encode
from tflite.file.runner import Runner

ROOT = pathlib.Path(__file__).resolve().parents[3]
STUBS = pathlib.Path(__file__).with_name('stubs')
_FOLDER = pathlib.Path(sys.prefix) / 'kotlin'
COMPILER = sorted(_FOLDER.glob('*.jar')) if (_FOLDER / 'complete').exists() else []
JUNIT = [pathlib.Path('/usr/share/java') / name for name in ('junit4.jar', 'hamcrest.jar')]
LANGUAGE = '2.3'
# What is tested without a phone, and what tests share.
PURE = ('About', 'Answers', 'Maps', 'Postprocessing', 'Preprocessing')
SHARED = 'Golden'
PACKAGE = 'org.supertickets.app'
# What is changed in which file, and into what; each must be noticed.
CHANGES = (
  ('Preprocessing', '(0.5 + shares[it]', '(0.4 + shares[it]'),
  ('Preprocessing', 'val center = start +', 'val center = margin +'),
  ('Preprocessing', 'val rowsFirst = lostRows > 0 &&', 'val rowsFirst = lostRows < 0 &&'),
  ('Preprocessing', 'max(step, 1.0)', 'step'),
  ('Preprocessing', 'sum = 1 shl (PRECISION_BITS - 1)', 'sum = 0'),
  ('Preprocessing', '/ 255f', '/ 256f'),
  ('Preprocessing', '* alpha + WHITE *', '* alpha + 0 *'),
  ('Preprocessing', 'intArrayOf(16, 8, 0)', 'intArrayOf(0, 8, 16)'),
  ('Postprocessing', 'exp(it - largest)', 'exp((it - largest) / 2)'),
  ('Postprocessing', 'sortedByDescending', 'sortedBy'),
  ('Maps', 'first + (second - first) * share', 'first * (1 - share) + second * share'),
  ('Maps', '(pixel + 0.5f) * step - 0.5f', '((pixel + 0.5) * step - 0.5).toFloat()'),
  ('Maps', 'value > largest', 'value >= largest'),
  ('Maps', 'labels + label] > values', 'labels + label] >= values'),
  ('Maps', 'column in 1..<columns - 1', 'column in 1..<columns - 2'),
  ('Maps', 'lower / 4', 'lower / 3'),
  ('Answers', 'coerceAtMost(1.0)', 'coerceAtMost(2.0)'),
  ('Answers', 'joints.size)))', 'TOP)))'),
)
ANDROID = '{http://schemas.android.com/apk/res/android}'


def missing() -> str:
  """What is needed and not there, and how to get it; empty where everything is."""
  if not shutil.which('java'):
    return 'Java is needed to compile Kotlin. On Debian: apt-get install default-jre-headless'
  if not COMPILER:
    return 'no Kotlin compiler here: make kotlin'
  if not all(jar.is_file() for jar in JUNIT):
    return 'JUnit is needed to run unit tests on a JVM. On Debian: apt-get install junit4 libhamcrest-java'
  return ''


needs_kotlin = pytest.mark.skipif(bool(missing()), reason=missing() or 'all there')


def java(*arguments: object) -> subprocess.CompletedProcess:
  # Without the optimising compiler, which only pays in longer runs.
  command = ['java', '-Xmx1g', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', *map(str, arguments)]
  return subprocess.run(command, capture_output=True, text=True, timeout=280, env=os.environ | {'LC_ALL': 'C.UTF-8'})


def path_of(*entries: object) -> str:
  return os.pathsep.join(map(str, entries))


def compile_kotlin(classes: pathlib.Path, *sources: pathlib.Path) -> subprocess.CompletedProcess:
  """Compiles files and folders; a warning is an error."""
  library = [jar for jar in COMPILER if jar.name.startswith('kotlin-stdlib')]
  return java(
    *('-cp', path_of(*COMPILER), 'org.jetbrains.kotlin.cli.jvm.K2JVMCompiler'),
    *('-no-stdlib', '-no-reflect', '-Werror', '-language-version', LANGUAGE, '-api-version', LANGUAGE, '-jvm-target', '17'),
    *('-classpath', path_of(*library, *JUNIT), '-d', classes, *sources),
  )


def run_tests(project: pathlib.Path, classes: pathlib.Path, package: str = PACKAGE) -> subprocess.CompletedProcess:
  found = path_of(classes, project / template.VECTORS, *COMPILER, *JUNIT)
  return java('-cp', found, 'org.junit.runner.JUnitCore', *(f'{package}.{name}Test' for name in PURE))


def generate(project: pathlib.Path, folder: pathlib.Path) -> None:
  """The classes that Android's build makes of resources: R, and a binding per layout."""
  res = project / 'app/src/main/res'
  names: dict[str, set[str]] = {}
  for path in (res / 'values').glob('*.xml'):
    for entry in ElementTree.parse(path).getroot():
      names.setdefault(entry.tag, set()).add(entry.get('name').replace('.', '_'))
  inner = ''.join(
    f'public static final class {kind} {{ {"".join(f"public static final int {name} = 0; " for name in sorted(found))}}} '
    for kind, found in names.items()
  )
  place = folder / PACKAGE.replace('.', '/')
  (place / 'databinding').mkdir(parents=True)
  (place / 'R.java').write_text(f'package {PACKAGE};\npublic final class R {{ {inner}}}\n')
  for path in (res / 'layout').glob('*.xml'):
    name = ''.join(word.capitalize() for word in path.stem.split('_')) + 'Binding'
    (place / 'databinding' / f'{name}.java').write_text(binding(name, ElementTree.parse(path).getroot()))


def binding(name: str, root: ElementTree.Element) -> str:
  def view(tag: str) -> str:
    return tag if '.' in tag else f'android.widget.{tag}'

  def field(identifier: str) -> str:
    return re.sub(r'_(\w)', lambda found: found.group(1).upper(), identifier.removeprefix('@+id/'))

  fields = ''.join(
    f'public final {view(entry.tag)} {field(entry.get(f"{ANDROID}id"))} = null; ' for entry in root.iter() if entry.get(f'{ANDROID}id')
  )
  inflater = 'android.view.LayoutInflater inflater'
  return (
    f'package {PACKAGE}.databinding;\npublic final class {name} {{ {fields}'
    f'public {view(root.tag)} getRoot() {{ return null; }} '
    f'public static {name} inflate({inflater}) {{ return null; }} '
    f'public static {name} inflate({inflater}, @androidx.annotation.Nullable android.view.ViewGroup parent, boolean attach)'
    ' { return null; } }\n'
  )


def pure_sources(project: pathlib.Path) -> list[pathlib.Path]:
  """What is tested without a phone, its tests, and what these share."""
  names = {SHARED, *PURE, *(f'{name}Test' for name in PURE)}
  return [path for path in (project / 'app').rglob('*.kt') if path.stem in names]


def more_crops(seed: int = 1, count: int = 60) -> str:
  """Lines like those of `vectors.crops`, of random shapes and transparent; the first is so tall that single precision shows."""
  rng = np.random.default_rng(seed)
  shapes = [((2, 2999), (16, 16), 0.9)]
  shapes += [(rng.integers(1, 90, 2).tolist(), rng.integers(1, 60, 2).tolist(), float(rng.uniform(0.2, 0.99))) for _ in range(count)]
  lines = [vectors.crop_line(rng.integers(0, 256, (height, width, 4), np.uint8), size, keep) for (width, height), size, keep in shapes]
  return ''.join(f'{line}\n' for line in lines)


def more_maps(seed: int = 2, count: int = 40) -> str:
  """Lines like those of `vectors.maps`, of random shapes; all labels are so near each other that only exact arithmetic tells which wins."""
  rng = np.random.default_rng(seed)
  lines = []
  for _ in range(count):
    rows, columns, labels, repeats = rng.integers(1, (9, 9, 6, 4)).tolist()
    common = rng.normal(0.3, 0.4, (rows, columns, 1)).astype(np.float32)
    output = common + rng.integers(-2, 3, (rows, columns, labels)).astype(np.float32) * np.spacing(common)
    kind = ('segmentation', 'keypoints')[len(lines) % 2]
    lines.append(vectors.map_line(output, repeats, tuple(rng.integers(1, 40, 2).tolist()), kind) + '\n')
  return ''.join(lines)


def map_of_a_ticket(name: str) -> str:
  """A line like those of `vectors.maps`: what the file of a ticket gives for a picture of its task."""
  ticket, task = tiny.map_ticket(name, tiny.SPECK_MAPS)
  network = of_ticket(ticket)
  runner = Runner(encode(network.function, ticket.input_shape, 'float32', False, variables=network.variables))
  images, _ = next(task.dataset('validation', 1).as_numpy_iterator())
  outputs = runner(task.normalisation.to_units(images))
  return vectors.map_line(network.single(outputs)[0], network.repeats, ticket.input_shape[:2], ticket.kind) + '\n'


@pytest.fixture(scope='module')
def project(tiny_ticket, tmp_path_factory):
  """A project with a ticket in it, and with more crops and maps than it comes with."""
  path = tmp_path_factory.mktemp('kotlin') / 'app'
  template.write(path, tiny_ticket, b'model')
  further = {'crops': more_crops(), 'maps': more_maps() + ''.join(map(map_of_a_ticket, ('shapes_segmentation', 'shapes_keypoints')))}
  for name, lines in further.items():
    with (path / template.VECTORS / f'{name}.txt').open('a') as file:
      file.write(lines)
  return path


@pytest.mark.slow
@needs_kotlin
def test_the_app_compiles_without_a_warning_and_its_unit_tests_pass(project, tmp_path):
  generate(project, tmp_path / 'generated')
  compiled = compile_kotlin(tmp_path / 'classes', project / 'app' / 'src', tmp_path / 'generated', STUBS)
  assert compiled.returncode == 0, compiled.stdout + compiled.stderr
  found = run_tests(project, tmp_path / 'classes')
  assert found.returncode == 0, found.stdout
  written = sum(path.read_text().count('@Test') for path in project.rglob('*Test.kt'))
  assert f'OK ({written} tests)' in found.stdout


@pytest.mark.slow
@pytest.mark.long
@needs_kotlin
def test_the_unit_tests_see_every_small_change_of_the_arithmetic(project, tmp_path):
  for number, (file, before, after) in enumerate(CHANGES):
    for source in pure_sources(project):
      text = source.read_text().replace(f'package {PACKAGE}', f'package changed{number}')
      assert before in text or source.stem != file
      place = tmp_path / 'sources' / str(number) / source.name
      place.parent.mkdir(parents=True, exist_ok=True)
      place.write_text(text.replace(before, after) if source.stem == file else text)
  compiled = compile_kotlin(tmp_path / 'classes', tmp_path / 'sources')
  assert compiled.returncode == 0, compiled.stdout + compiled.stderr
  for number, change in enumerate(CHANGES):
    found = run_tests(project, tmp_path / 'classes', f'changed{number}')
    assert found.returncode == 1 and 'FAILURES!!!' in found.stdout, (change, found.stdout)


def test_what_is_missing_is_named_with_the_way_out(monkeypatch, tmp_path):
  monkeypatch.setattr(shutil, 'which', lambda name: name)
  monkeypatch.setitem(globals(), 'COMPILER', [])
  assert missing() == 'no Kotlin compiler here: make kotlin'
  monkeypatch.setitem(globals(), 'COMPILER', [tmp_path])
  monkeypatch.setitem(globals(), 'JUNIT', [tmp_path / 'junit4.jar'])
  assert missing().endswith('On Debian: apt-get install junit4 libhamcrest-java')
  monkeypatch.setattr(shutil, 'which', lambda name: None)
  assert missing().startswith('Java is needed to compile Kotlin. On Debian')
