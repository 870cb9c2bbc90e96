"""Files that are small and would be large in memory, or that lead to others: refused in one message, soon and in little memory."""

import io
import json
import pathlib
import resource
import struct
import time
import zipfile
import zlib

import h5py
import numpy as np
import pytest
import tf_keras as keras

from st_tf import files, predict, task
from st_tf.arch.specs import SpecError
from st_tf.errors import UserError
from st_tf.models import keras_files
from st_tf.models.reference import ReferenceWeightsError, read_tensors
from st_tf.task import DataConfig, TaskError
from tests import tiny
from tflite.android import given
from tflite.file.metadata import LABELS

SIDE = 30_000
MEGABYTES = 400


@pytest.fixture(autouse=True)
def little():
  """Whatever is done in a test takes seconds, and not much more memory than there was."""
  before, began = _peak(), time.monotonic()
  yield
  assert _peak() - before < MEGABYTES and time.monotonic() - began < 30


def _peak() -> float:
  return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.fixture(scope='module')
def picture(tmp_path_factory):
  """A PNG of less than a megabyte, of so many pixels a side in shades of grey."""

  def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))

  packer, row = zlib.compressobj(1), bytes(SIDE + 1)
  packed = b''.join(packer.compress(row) for _ in range(SIDE)) + packer.flush()
  header = struct.pack('>IIBBBBB', SIDE, SIDE, 8, 0, 0, 0, 0)
  path = tmp_path_factory.mktemp('bomb') / 'bomb.png'
  path.write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', packed) + chunk(b'IEND', b''))
  return path


def test_a_picture_of_very_many_pixels_is_one_of_several_that_cannot_be_read(picture, tmp_path, capsys):
  (tmp_path / 'small.png').write_bytes(_small())
  tiny.untrained(tiny.task()).save(tmp_path / 'ticket')
  assert predict.main(['predict', f'--ticket={tmp_path / "ticket"}', str(tmp_path / 'small.png'), str(picture)]) == 1
  said = capsys.readouterr()
  assert 'small.png' in said.out and 'bomb.png (Image size (900000000 pixels) exceeds limit' in said.err
  with pytest.raises(TaskError, match=r'An image can be decoded\. Received: .*bomb\.png .*Replace or remove it'):
    predict.main(['predict', f'--ticket={tmp_path / "ticket"}', str(picture)])


def test_a_picture_of_very_many_pixels_in_a_folder_of_pictures_is_named(picture, tmp_path):
  for label in ('a', 'b'):
    (tmp_path / label).mkdir()
    for number in range(8):
      (tmp_path / label / f'{number}.png').write_bytes(_small())
  (tmp_path / 'a' / '3.png').write_bytes(picture.read_bytes())
  with pytest.raises(TaskError, match=r'Received: .*3\.png .*exceeds limit.*Replace or remove it'):
    found = task.load(f'folder:{tmp_path}', DataConfig(image_size=8))
    for split in task.SPLITS:
      for _ in found.dataset(split, 4).as_numpy_iterator():
        pass


def _small() -> bytes:
  from PIL import Image

  written = io.BytesIO()
  Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)).save(written, 'PNG')
  return written.getvalue()


def _npz(path: pathlib.Path, shape: tuple[int, ...], megabytes: int) -> pathlib.Path:
  with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open('a.npy', 'w') as file:
    np.lib.format.write_array_header_1_0(file, {'descr': '<f4', 'fortran_order': False, 'shape': shape})
    for _ in range(megabytes):
      file.write(bytes(2**20))
  return path


def test_arrays_that_unpack_to_far_more_than_they_are_and_such_as_are_not_there(tmp_path):
  bomb = _npz(tmp_path / 'bomb.npz', (600 * 2**18,), 600)
  assert bomb.stat().st_size < 4_000_000
  with pytest.raises(ReferenceWeightsError, match=r'Received: .*bomb\.npz \(it unpacks to 629,145,728 bytes, of .*; at most 100 times'):
    read_tensors(bomb)
  for shape in ((10**9,), (2**40, 2**20), (2**62,), (2**70,)):
    with pytest.raises(ValueError, match='.'):
      files.read_npz(_npz(tmp_path / 'short.npz', shape, 0))
  assert files.read_npz(_npz(tmp_path / 'zeros.npz', (20 * 2**18,), 20))['a'].nbytes == 20 * 2**20, 'zeros are well packed, too'


@pytest.fixture(scope='module')
def models(tmp_path_factory):
  """{name: file of a small trained network}, of both versions of Keras."""
  import keras as keras3

  folder, found = tmp_path_factory.mktemp('models'), {}
  for name, library in (('two.keras', keras), ('two.h5', keras), ('three.keras', keras3)):
    layers = library.layers
    model = library.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(3)])
    model.save(folder / name)
    found[name] = folder / name
  return found


def _changed(source: pathlib.Path, target: pathlib.Path, **parts: bytes) -> pathlib.Path:
  """A `.keras` file with other parts, packed."""
  with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as new:
    for name in old.namelist():
      new.writestr(name, parts.get(name.replace('.', '_'), old.read(name)))
  return target


@pytest.mark.parametrize('name', ['two.keras', 'three.keras', 'two.h5'])
def test_layers_of_more_units_than_a_file_has_weights_are_not_made(models, tmp_path, name):
  source, target = models[name], tmp_path / name
  assert keras_files.load(str(source))[0].nodes
  if source.suffix == '.h5':
    target.write_bytes(source.read_bytes())
    with h5py.File(target, 'a') as file:
      file.attrs['model_config'] = file.attrs['model_config'].replace('"units": 3', '"units": 30000000000')
  else:
    with zipfile.ZipFile(source) as archive:
      config = archive.read('config.json').replace(b'"units": 3', b'"units": 30000000000')
    _changed(source, target, config_json=config)
  with pytest.raises(
    SpecError, match=r'about as much memory as its file\. Received: .* \(a layer of 30,000,000,000 units, with 127 weights'
  ):
    keras_files.load(str(target))


@pytest.mark.slow
@pytest.mark.parametrize('name', ['two.keras', 'three.keras'])
@pytest.mark.parametrize('part', ['config_json', 'model_weights_h5'])
def test_parts_of_a_model_that_unpack_to_far_more_are_not_unpacked(models, tmp_path, name, part):
  bomb = _changed(models[name], tmp_path / name, **{part: b' ' * 2**28})
  with pytest.raises(SpecError, match=r'Received: .* \(it unpacks to 268,.* bytes, of .*Save it again'):
    keras_files.load(str(bomb))


def _weights(source: pathlib.Path, target: pathlib.Path, change) -> pathlib.Path:
  """The same model with weights that `change` has made of its first array's group and name."""
  if source.suffix == '.h5':
    target.write_bytes(source.read_bytes())
    place: pathlib.Path | io.BytesIO = target
  else:
    with zipfile.ZipFile(source) as archive:
      place = io.BytesIO(archive.read('model.weights.h5'))
  with h5py.File(place, 'a') as file:
    names: list[str] = []
    file.visititems(lambda name, entry: names.append(name) if isinstance(entry, h5py.Dataset) else None)
    parent, _, name = names[0].rpartition('/')
    del file[names[0]]
    change(file[parent], name)
  return target if source.suffix == '.h5' else _changed(source, target, model_weights_h5=place.getvalue())


@pytest.mark.slow
@pytest.mark.parametrize('name', ['two.keras', 'three.keras', 'two.h5'])
def test_weights_that_are_packed_away_or_lie_in_other_files_are_not_read(models, tmp_path, name):
  secret = tmp_path / 'secret'
  secret.write_bytes(bytes(4096))
  changes = {
    'stored in 0': lambda group, name: group.create_dataset(name, (10**9,), 'f4', chunks=(10**6,), compression='gzip'),
    'is in another file': lambda group, name: group.create_dataset(name, (3, 3, 3, 4), 'f4', external=[(str(secret), 0, 4096)]),
    'leads to another place': lambda group, name: group.__setitem__(name, h5py.ExternalLink(str(secret), '/x')),
  }
  for reason, change in changes.items():
    with pytest.raises(SpecError, match=rf'A model of Keras takes .*{reason}.*Save it again'):
      keras_files.load(str(_weights(models[name], tmp_path / name, change)))


def test_labels_behind_a_file_for_phones_are_not_unpacked_when_they_are_many(tmp_path):
  with zipfile.ZipFile(tmp_path / 'model.tflite', 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
    archive.writestr(LABELS, 'a\n' * 2**24)
  assert given.labels((tmp_path / 'model.tflite').read_bytes()) == []


def test_a_ticket_that_says_very_much_of_itself_is_refused_by_the_size_of_the_file(tmp_path):
  from st_tf.ticket import Ticket

  tiny.untrained(tiny.task()).save(tmp_path)
  said = json.loads((tmp_path / 'ticket.json').read_text())
  with open(tmp_path / 'ticket.json', 'w') as file:
    file.write(json.dumps(said))
    file.truncate(2**33)  # It has a hole, and takes no room.
  with pytest.raises(UserError, match=r'8,589,934,592 bytes of JSON, of which at most'):
    Ticket.load(tmp_path)
