"""The project is consistent in itself: files parse, and what one of them names is in another."""

import dataclasses
import pathlib
import re
import tomllib
from xml.etree import ElementTree

import pytest

from st_tf.errors import UserError
from st_tf.task import maps
from tests import tiny
from tflite import vectors
from tflite.android import template
from tflite.web import site

PROJECT = pathlib.Path(template.__file__).with_name('project')
RES = PROJECT / 'app/src/main/res'
ANDROID = '{http://schemas.android.com/apk/res/android}'
GRADLE = sorted(PROJECT.rglob('*.kts'))
KOTLIN = sorted(PROJECT.rglob('*.kt'))
XML = sorted(PROJECT.rglob('*.xml'))


@pytest.fixture(scope='module')
def written(tiny_ticket, tmp_path_factory):
  """A project with a ticket in it."""
  path = tmp_path_factory.mktemp('android') / 'app'
  ticket = dataclasses.replace(tiny_ticket, task=dataclasses.replace(tiny_ticket.task, name='folder:C:\\birds\\ü', keep=0.875))
  template.write(path, ticket, b'model', {'bytes': 5})
  return path


def resources() -> set[tuple[str, str]]:
  """(kind, name) of every resource."""
  found = {(path.parent.name.split('-')[0], path.stem) for path in RES.rglob('*.xml') if path.parent.name != 'values'}
  for path in (RES / 'values').glob('*.xml'):
    found |= {(entry.tag, entry.get('name')) for entry in ElementTree.parse(path).getroot()}
  return found | {('id', name) for path in XML for name in re.findall(r'"@\+id/(\w+)"', path.read_text())}


def references() -> set[tuple[str, str]]:
  """(kind, name) of every resource of the project that XML or Kotlin names."""
  found = {found for path in XML for found in re.findall(r'"@(\w+)/([\w.]+)"', path.read_text())}
  return found | {found for path in KOTLIN for found in re.findall(r'\bR\.(\w+)\.(\w+)', path.read_text())}


def sources(folder: str) -> list[pathlib.Path]:
  return sorted((PROJECT / 'app/src' / folder / 'kotlin').rglob('*.kt'))


def namespace() -> str:
  return re.search(r'namespace = "([\w.]+)"', (PROJECT / 'app/build.gradle.kts').read_text()).group(1)


def test_what_the_app_knows_of_its_model_is_written_as_java_reads_it(written, tiny_ticket):
  about = (written / template.ABOUT).read_text(encoding='utf-8').splitlines()
  assert about == [
    'name=SuperTicket for C:\\\\birds\\\\ü',
    'description=C:\\\\birds\\\\ü, drawn as a SuperTicket at 80% sparsity',
    f'fingerprint={tiny_ticket.fingerprint}',
    'keep=0.875',
    'kind=classification',
    'repeats=1',
    'colours=',
    'skeleton=',
  ]
  assert (written / template.MODEL).read_bytes() == b'model'
  read = (written / 'app/src/main/kotlin/org/supertickets/app/About.kt').read_text()
  assert re.findall(r'properties\.(?:getProperty|list)\("(\w+)"\)', read) == [line.split('=')[0] for line in about]


def test_a_ticket_that_does_not_say_what_is_kept_keeps_everything(tiny_ticket):
  assert template.about(tiny_ticket)['keep'] == '1.0'


@pytest.mark.parametrize('name', ['shapes_segmentation', 'shapes_keypoints'])
def test_what_is_drawn_of_a_map_is_written(name, tmp_path):
  task = tiny.map_task(name)
  ticket = tiny.untrained(task, tiny.SPECK_MAPS)
  template.check(ticket)
  template.write(tmp_path / 'app', ticket, b'model', repeats=2)
  about = dict(line.split('=', 1) for line in (tmp_path / 'app' / template.ABOUT).read_text().splitlines())
  assert (about['kind'], about['repeats'], about['colours'].split(',')) == (ticket.kind, '2', list(task.semantics['colours']))
  assert len(about['colours'].split(',')) == len(task.labels)
  limbs = [limb.split('-') for limb in about['skeleton'].split(',') if limb]
  assert [list(map(int, limb)) for limb in limbs] == task.semantics.get('skeleton', []) and bool(limbs) == (name == 'shapes_keypoints')


@pytest.mark.parametrize(
  ('semantics', 'message'),
  [
    ({'kind': 'depth'}, r'The app shows classification, segmentation, keypoints\. Received: a ticket for depth\. Use another ticket'),
    ({'kind': 'segmentation'}, r'A ticket for segmentation has a dense head\. Received: a classification one\. Draw the ticket again'),
  ],
)
def test_a_ticket_of_another_kind_is_refused(tiny_ticket, semantics, message):
  template.check(tiny_ticket)
  with pytest.raises(UserError, match=message):
    template.check(dataclasses.replace(tiny_ticket, task=dataclasses.replace(tiny_ticket.task, semantics=semantics)))


@pytest.mark.parametrize(
  ('damage', 'message'),
  [
    ({'colours': ['#000000']}, r"a colour for each of its 3 labels\. Received: \['#000000'\]\. Draw the ticket again"),
    ({'colours': ['#000000', 'red', '#000000']}, r"Received: \['#000000', 'red', '#000000'\]"),
    ({'skeleton': [[0, 1], [2, 3]]}, r'connects two of its 3 joints, from 0 on\. Received: \[2, 3\]\. Draw the ticket again'),
    ({'skeleton': [[0, 1, 2]]}, r'Received: \[0, 1, 2\]'),
  ],
)
def test_a_ticket_that_does_not_say_what_is_drawn_is_refused(damage, message):
  ticket = tiny.untrained(tiny.map_task('shapes_keypoints'), tiny.SPECK_MAPS)
  damaged = dataclasses.replace(ticket.task, semantics={**ticket.task.semantics, **damage})
  with pytest.raises(UserError, match=message):
    template.check(dataclasses.replace(ticket, task=damaged))


def test_the_unit_tests_get_the_golden_vectors(written):
  assert (written / template.VECTORS / 'crops.txt').read_text() == vectors.crops()
  assert (written / template.VECTORS / 'guesses.txt').read_text() == vectors.guesses()
  assert (written / template.VECTORS / 'maps.txt').read_text() == vectors.maps()


def test_everything_of_the_template_is_in_a_project_and_nothing_that_gradle_left_there(written, tiny_ticket, tmp_path, monkeypatch):
  files = {path.relative_to(PROJECT) for path in PROJECT.rglob('*') if path.is_file()}
  assert all((written / path).read_bytes() == (PROJECT / path).read_bytes() for path in files)
  monkeypatch.setattr(template, '_PROJECT', written)
  (written / 'app/build').mkdir()
  (written / 'local.properties').touch()
  template.write(tmp_path / 'app', tiny_ticket, b'model')
  assert not (tmp_path / 'app/app/build').exists() and not (tmp_path / 'app/local.properties').exists()


def test_only_the_application_id_is_another(written, tiny_ticket, tmp_path):
  template.write(tmp_path / 'app', tiny_ticket, b'model', application_id='com.example.app')
  before, after = ((path / 'app/build.gradle.kts').read_text().splitlines() for path in (written, tmp_path / 'app'))
  (changed,) = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
  assert changed == ('        applicationId = "org.supertickets.app"', '        applicationId = "com.example.app"')


def test_every_library_and_plugin_of_the_catalog_is_used_and_every_used_one_is_in_it():
  catalog = tomllib.loads((PROJECT / 'gradle/libs.versions.toml').read_text())
  entries = [*catalog['libraries'].values(), *catalog['plugins'].values()]
  assert {entry['version']['ref'] for entry in entries} == set(catalog['versions'])
  defined = {name.replace('-', '.') for name in catalog['libraries']} | {f'plugins.{name.replace("-", ".")}' for name in catalog['plugins']}
  assert defined == {name for path in GRADLE for name in re.findall(r'\blibs\.([\w.]+)', path.read_text())}


@pytest.mark.parametrize('path', GRADLE, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_a_gradle_file_has_a_partner_for_every_bracket(path):
  text = re.sub(r'"[^"]*"|//.*', '', path.read_text())
  for opening, closing in ('{}', '()'):
    assert text.count(opening) == text.count(closing) > 0


def test_gradle_is_fetched_in_a_version_whose_checksum_is_known():
  wrapper = (PROJECT / 'gradle/wrapper/gradle-wrapper.properties').read_text()
  assert re.search(r'distributionUrl=https\\://services\.gradle\.org/distributions/gradle-[\d.]+-bin\.zip\n', wrapper)
  assert re.search(r'distributionSha256Sum=[0-9a-f]{64}\n', wrapper)


@pytest.mark.parametrize('path', XML, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_an_xml_file_parses(path):
  assert ElementTree.parse(path).getroot() is not None


def test_every_resource_that_is_named_exists_and_every_string_is_named():
  assert not references() - resources()
  assert {name for kind, name in resources() - references() if kind in ('string', 'color', 'drawable', 'style', 'mipmap', 'xml')} == set()


def test_the_activity_and_the_provider_of_the_manifest_are_those_of_the_sources():
  application = ElementTree.parse(PROJECT / 'app/src/main/AndroidManifest.xml').find('application')
  name = application.find('activity').get(f'{ANDROID}name')
  source = PROJECT / 'app/src/main/kotlin' / (namespace() + name).replace('.', '/')
  assert re.search(rf'^class {name[1:]}\b', source.with_suffix('.kt').read_text(), re.MULTILINE)
  authority = application.find('provider').get(f'{ANDROID}authorities').removeprefix('${applicationId}')
  assert f'"$packageName{authority}"' in source.with_suffix('.kt').read_text()
  folder = ElementTree.parse(RES / 'xml/file_paths.xml').find('cache-path').get('path').rstrip('/')
  assert f'File(cacheDir, "{folder}")' in source.with_suffix('.kt').read_text()


@pytest.mark.parametrize('path', KOTLIN, ids=lambda path: path.name)
def test_a_source_lies_in_the_folder_of_its_package_and_is_laid_out_officially(path):
  text = path.read_text()
  (package,) = re.findall(r'^package ([\w.]+)$', text, re.MULTILINE)
  assert package == namespace() and path.parent.as_posix().endswith('kotlin/' + package.replace('.', '/'))
  imported = re.findall(r'^import (.+)$', text, re.MULTILINE)
  assert imported == sorted(imported, key=lambda name: (name.split('.')[0] in ('java', 'javax', 'kotlin'), name))
  for line in text.splitlines():
    assert len(line) <= 140 and line == line.rstrip() and '\t' not in line and (len(line) - len(line.lstrip(' '))) % 4 in (0, 1)
    assert 'TO' + 'DO' not in line


def test_what_is_tested_without_a_phone_imports_nothing_of_one():
  tested = {path.stem.removesuffix('Test') for path in sources('test') if path.stem.endswith('Test')}
  assert tested == {'About', 'Answers', 'Maps', 'Postprocessing', 'Preprocessing'}
  for path in [path for path in sources('main') if path.stem in tested]:
    assert not re.search(r'^import (android|com|org)', path.read_text(), re.MULTILINE)


def test_the_readme_claims_no_device_and_names_what_was_not_run(written):
  text = (written / 'README.md').read_text()
  assert 'No Gradle build' in text and 'no emulator' in text and 'no device' in text


def test_maps_are_drawn_as_on_the_page_and_in_python():
  page = {name: content.decode() for name, content in site.page().items() if name in ('/answers.js', '/view.js')}
  kotlin = '\n'.join(path.read_text() for path in sources('main'))

  def number(pattern: str, text: str) -> float:
    first, _, second = re.search(pattern, text).group(1).partition('/')
    return float(first) / float(second or 1)

  def of_the_app(name: str) -> float:
    return number(rf'const val {name} = ([\d. /]+)', kotlin)

  shown = number(r'SHOWN_CONFIDENCE = ([\d.]+)', page['/answers.js'])
  assert of_the_app('SHOWN_CONFIDENCE') == shown == maps.SHOWN_CONFIDENCE
  assert of_the_app('TINT_ALPHA') == round(255 * number(r'MASK_SHARE = ([\d.]+)', page['/view.js']))
  line, dot = re.search(r'\[LINE, DOT\] = \[([^,]+), ([^\]]+)\]', page['/view.js']).groups()
  assert [of_the_app('LINE'), of_the_app('DOT')] == [number('(.+)', line), number('(.+)', dot)]
  assert of_the_app('LEAST_PIXELS') == number(r'MAP_PIXELS = (\d+)', page['/view.js'])
  assert of_the_app('TOP') == site.TOP
  for kind, invitation in re.findall(r"(\w+): '(Show it [^']+)'", page['/view.js']):
    assert f'<string name="invitation_{kind}">{invitation}.</string>' in (RES / 'values/strings.xml').read_text()
