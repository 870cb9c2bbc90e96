"""The command writes a whole project around the file that an export would give, or nothing."""

import dataclasses
import io
import json
import pathlib
import shutil
import zipfile

import numpy as np
import pytest

from st_tf.arch.specs import HeadSpec
from st_tf.errors import UserError
from tests import tiny
from tflite import export
from tflite.android import __main__ as android
from tflite.android import template
from tflite.file.metadata import LABELS, Description, with_metadata
from tflite.runtimes import wasm

EXPECTED = (
  '.gitignore',
  'README.md',
  'app/build.gradle.kts',
  'app/src/main/AndroidManifest.xml',
  'app/src/main/assets/model.properties',
  'app/src/main/assets/model.tflite',
  'app/src/main/kotlin/org/supertickets/app/MainActivity.kt',
  'app/src/main/res/layout/activity_main.xml',
  'app/src/test/kotlin/org/supertickets/app/PreprocessingTest.kt',
  'app/src/test/resources/crops.txt',
  'app/src/test/resources/guesses.txt',
  'app/src/test/resources/maps.txt',
  'build.gradle.kts',
  'gradle.properties',
  'gradle/libs.versions.toml',
  'gradle/wrapper/gradle-wrapper.properties',
  'settings.gradle.kts',
)


@pytest.fixture(scope='module')
def exported(speck_ticket, shapes, tmp_path_factory):
  """An export of the ticket."""
  path = tmp_path_factory.mktemp('exported') / 'given.tflite'
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
    export.export(speck_ticket, shapes, export.Options(ticket='x', format='float16', out=str(path)))
  return path


@pytest.fixture
def here(tmp_path, monkeypatch):
  """An empty folder, in which the command runs."""
  monkeypatch.chdir(tmp_path)
  return tmp_path


def run(folder: pathlib.Path, *arguments: str) -> None:
  android.main(['android', f'--ticket={folder}', *arguments])


def test_a_project_has_everything_and_the_very_file_that_an_export_gives(
  speck_folder, speck_ticket, shapes, exported, here, capsys, monkeypatch
):
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  monkeypatch.setattr('st_tf.task.load', lambda name, config: shapes)
  run(speck_folder, '--format=float16', '--out=app')
  shown = capsys.readouterr().out
  files = {path.relative_to('app').as_posix() for path in pathlib.Path('app').rglob('*') if path.is_file()}
  assert set(EXPECTED) <= files and [entry.name for entry in here.iterdir()] == ['app']
  assert pathlib.Path('app/app/src/main/assets/model.tflite').read_bytes() == exported.read_bytes()
  facts = json.loads(pathlib.Path('app/model.export.json').read_text())
  assert facts['ticket'] == speck_ticket.fingerprint and facts['format'] == 'float16'
  assert 'scores   top-1 accuracy' in shown and shown.endswith('project  app; its README.md says how to build it\n')
  assert 'file ' not in shown, 'the temporary one is gone'


def test_a_file_that_was_exported_is_taken_as_it_is_without_data(speck_folder, exported, here, monkeypatch):
  monkeypatch.setattr('st_tf.task.load', lambda *arguments: pytest.fail('needs no data'))
  run(speck_folder, f'--model={exported}', '--out=app', '--application_id=com.example.Birds_2')
  assert pathlib.Path('app/app/src/main/assets/model.tflite').read_bytes() == exported.read_bytes()
  assert not pathlib.Path('app/model.export.json').exists()
  assert 'applicationId = "com.example.Birds_2"' in pathlib.Path('app/app/build.gradle.kts').read_text()


def test_the_export_that_lies_in_the_ticket_s_folder_is_taken_unless_another_is_asked_for(
  speck_folder, shapes, exported, here, capsys, monkeypatch
):
  monkeypatch.setattr('st_tf.task.load', lambda *arguments: pytest.fail('needs no data'))
  shutil.copytree(speck_folder, here / 'ticket')
  for name in ('given.tflite', 'given.export.json'):
    shutil.copy(exported.with_name(name), here / 'ticket' / name.replace('given', 'model_float16'))
  run(here / 'ticket', '--out=app')
  assert capsys.readouterr().out.startswith('file     ticket/model_float16.tflite, as it is\n')
  assert pathlib.Path('app/app/src/main/assets/model.tflite').read_bytes() == exported.read_bytes()
  assert json.loads(pathlib.Path('app/model.export.json').read_text())['format'] == 'float16'
  for other in ('--format=float32', '--sparse=never', '--data_dir=there'):
    with pytest.raises(pytest.fail.Exception):
      run(here / 'ticket', '--out=other', other)


def test_a_project_that_nobody_has_changed_is_replaced_and_one_with_edits_is_not(speck_folder, exported, here):
  run(speck_folder, f'--model={exported}', '--out=app', '--application_id=com.example.first')
  for name in ('local.properties', 'build/out.txt', '.gradle/cache', 'app/build/out.apk'):
    (here / 'app' / name).parent.mkdir(exist_ok=True)
    (here / 'app' / name).write_text('mine')
  run(speck_folder, f'--model={exported}', '--out=app', '--application_id=com.example.second')
  build = here / 'app/app/build.gradle.kts'
  assert 'com.example.second' in build.read_text() and (here / 'app/local.properties').read_text() == 'mine'
  for name, change in (
    ('app/build.gradle.kts', lambda file: file.write_text(file.read_text() + '// mine')),
    ('app/src/main/kotlin/Mine.kt', lambda file: file.write_text('class Mine')),
    ('README.md', lambda file: file.unlink()),
  ):
    shutil.copytree(here / 'app', here / 'edited')
    change(here / 'edited' / name)
    before = {file: file.read_bytes() for file in (here / 'edited').rglob('*') if file.is_file()}
    with pytest.raises(UserError, match=rf'changed since it was written is not replaced\. Received: edited, where {name} is not what'):
      run(speck_folder, f'--model={exported}', '--out=edited')
    assert {file: file.read_bytes() for file in (here / 'edited').rglob('*') if file.is_file()} == before
    shutil.rmtree(here / 'edited')


def test_sparse_without_a_runtime_that_could_tell_is_written_with_a_warning(speck_folder, shapes, here, capsys, monkeypatch):
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  monkeypatch.setattr('st_tf.task.load', lambda name, config: shapes)
  run(speck_folder, '--sparse=always', '--out=app')
  said = capsys.readouterr()
  assert '\nwarning: sparse, as --sparse=always asks for; not seen to run sparsely\n' in said.err
  assert '\ntime     not measured. No browser in this test.\n' in said.out


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ([], r'--ticket and --out are both needed\. Received: no --ticket\. Write'),
    (['--ticket=x'], r'Received: no --out\. Write --ticket=FOLDER --out=FOLDER'),
    (['--ticket=x', '--out=app', '--model=y', '--format=float32'], r'taken as it is\. Received: --format too\. Leave one of them out'),
    (['--ticket=x', '--out=app', '--model=y', '--data_dir=z'], r'Received: --data_dir too'),
    (['--ticket=x', '--out=app', '--format=int4'], r'--format'),
    (['--ticket=x', '--out=app', '--format=int8', '--sparse=always'], r'int8 is stored dense.*Leave it out'),
    (['--ticket=x', '--out=app', '--application_id=birds'], r"two or more words.*Received: 'birds'\. Write for example"),
    (['--ticket=x', '--out=app', '--application_id=com.2birds'], r"Received: 'com\.2birds'"),
    (['--ticket=x', '--out=app', '--application_id=com.bir ds"'], r'Received: .com\.bir ds'),
    (['--ticket=x', '--out=app'], r'A ticket is a folder with ticket\.json\. Received: x'),
    (
      ['--ticket=x', '--out=there'],
      r'replaces nothing but one that this command wrote\. Received: there, which exists and is none.* Choose another',
    ),
    (['--ticket=x', '--out=nowhere/app'], r'existing folder\. Received: nowhere/app\. Create nowhere first'),
  ],
)
def test_what_cannot_be_made_into_an_app_is_said(arguments, message, here):
  (here / 'there').mkdir()
  with pytest.raises(UserError, match=message):
    android.main(['android', *arguments])
  assert [entry.name for entry in here.rglob('*')] == ['there']


def test_a_ticket_whose_head_is_not_that_of_its_kind_is_refused(speck_ticket, here):
  # Of a network that both heads have, since one that its head does not have is no ticket.
  whole = dataclasses.replace(speck_ticket, arch=speck_ticket.supernet, weights={}, masks={}, survivors={})
  dataclasses.replace(whole, head=HeadSpec('dense', speck_ticket.head.outputs)).save(here / 'ticket')
  with pytest.raises(UserError, match=r'classification has a classification head\. Received: a dense one\. Draw the ticket again'):
    run(here / 'ticket', '--out=app')
  assert not (here / 'app').exists()


@pytest.mark.parametrize('name', ['shapes_segmentation', 'shapes_keypoints'])
def test_a_ticket_for_maps_becomes_an_app_from_its_data_and_from_its_file(name, here, monkeypatch):
  ticket, task = tiny.map_ticket(name, tiny.SPECK_MAPS)
  ticket.save('ticket')
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  monkeypatch.setattr('st_tf.task.load', lambda *arguments: task)
  run(pathlib.Path('ticket'), '--out=exported')
  model, about = pathlib.Path('exported', template.MODEL), pathlib.Path('exported', template.ABOUT)
  assert f'kind={ticket.kind}\nrepeats=2\ncolours=#' in about.read_text()
  run(pathlib.Path('ticket'), f'--model={model}', '--out=given')
  assert pathlib.Path('given', template.MODEL).read_bytes() == model.read_bytes()
  assert pathlib.Path('given', template.ABOUT).read_text() == about.read_text()


def without_labels(content: bytes) -> bytes:
  return content[: content.rindex(b'PK\x03\x04')]


def with_other_labels(content: bytes) -> bytes:
  with zipfile.ZipFile(io.BytesIO(content)) as archive:
    count = len(archive.read(LABELS).decode().splitlines())
  return with_metadata(without_labels(content), Description('n', 't', (32, 32), ['other'] * count))


def with_another_normalisation(content: bytes) -> bytes:
  """Says that it reads pixels from 0 to 255."""
  return content.replace(np.float32(255).tobytes(), np.float32(1).tobytes())


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    (None, r'A \.tflite file is a file that can be read\. Received: .*model\.tflite'),
    (lambda content: b'text', r'identifier TFL3 in bytes 4 to 8\. Received: .*model\.tflite without it'),
    (without_labels, r'labels from labels\.txt in the metadata of its model\. Received: .*without it\. Export it'),
    (with_other_labels, r'labels in an app are those of its ticket\. Received: others, in .*Export it'),
    (with_another_normalisation, r'reads pixels from 0 to 1.*Received: another normalisation'),
  ],
)
def test_a_file_that_is_no_export_of_the_ticket_is_refused(speck_folder, exported, here, change, message):
  if change:
    (here / 'model.tflite').write_bytes(change(exported.read_bytes()))
  with pytest.raises(UserError, match=message):
    run(speck_folder, '--model=model.tflite', '--out=app')
  assert [entry.name for entry in here.iterdir()] == (['model.tflite'] if change else [])


def test_a_file_of_another_image_size_is_refused(speck_ticket, exported, here):
  dataclasses.replace(speck_ticket, input_shape=(64, 48, 3)).save(here / 'ticket')
  with pytest.raises(UserError, match=r'size of its ticket, 64x48\. Received: 32x32, in .*given\.tflite\. Export it'):
    run(here / 'ticket', f'--model={exported}', '--out=app')
  assert not (here / 'app').exists()


def test_a_file_that_differs_from_its_ticket_becomes_no_app(speck_folder, shapes, here, monkeypatch):
  monkeypatch.setattr(wasm, 'missing', lambda: 'No browser in this test.')
  monkeypatch.setattr('st_tf.task.load', lambda name, config: shapes)
  monkeypatch.setattr('tflite.convert.difference', lambda *arguments: 0.5)
  with pytest.raises(UserError, match=r'gives the outputs of its ticket'):
    run(speck_folder, '--out=app')
  assert not list(here.iterdir())


def test_a_project_is_written_whole_or_not_at_all(speck_folder, exported, here, monkeypatch):
  def full(*arguments, **settings):
    shutil.copytree(*arguments, **settings)
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr('tflite.android.template.shutil', type('full', (), {'copytree': full, 'copyfile': shutil.copyfile}))
  with pytest.raises(UserError, match=r'A project is written to app\. Received: No space left on device\. Free some space'):
    run(speck_folder, f'--model={exported}', '--out=app')
  assert not list(here.iterdir())
