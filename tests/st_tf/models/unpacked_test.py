"""What `tests/faults/bombs_test.py` does to whole models, in small."""

import zipfile

import h5py
import numpy as np
import pytest
import tf_keras

from st_tf.arch.specs import SpecError
from st_tf.models import keras_files, unpacked


@pytest.mark.parametrize(('units', 'is_fine'), [(12, True), (13, False), (None, True), ('13', True)])
def test_a_layer_has_no_more_units_than_the_file_has_weights(tmp_path, units, is_fine):
  with h5py.File(tmp_path / 'model.h5', 'w') as file:
    file.attrs['model_config'] = f'{{"config": [{{"units": {"null" if units is None else repr(units).replace(chr(39), chr(34))}}}]}}'
    file.create_dataset('a/kernel', data=np.zeros((3, 4)))
  if is_fine:
    unpacked.check(tmp_path / 'model.h5')
  else:
    with pytest.raises(SpecError, match=r'\(a layer of 13 units, with 12 weights in all\)\. Save it again'):
      unpacked.check(tmp_path / 'model.h5')


def test_packed_arrays_are_fine_while_they_are_small(tmp_path, monkeypatch):
  with h5py.File(tmp_path / 'model.h5', 'w') as file:
    file.create_dataset('a', data=np.zeros(10**6), compression='gzip')
  unpacked.check(tmp_path / 'model.h5')
  monkeypatch.setattr(unpacked, '_LARGEST', 10**6)
  with pytest.raises(SpecError, match='/a has 8,000,000 bytes, stored in'):
    unpacked.check(tmp_path / 'model.h5')


@pytest.mark.parametrize(('name', 'content'), [('a.h5', b'no such file'), ('a.keras', b'PK\x03\x04 broken'), ('b.keras', b'')])
def test_a_damaged_file_is_left_to_whoever_opens_it(tmp_path, name, content):
  (tmp_path / name).write_bytes(content)
  unpacked.check(tmp_path / name)


@pytest.mark.parametrize('name', ['model.weights.h5', 'config.json'])
def test_a_packed_file_with_flipped_bits_is_refused_by_whoever_opens_it(tmp_path, name):
  tf_keras.Sequential([tf_keras.layers.Dense(64, input_shape=(64,))]).save(tmp_path / 'model.keras')
  with (
    zipfile.ZipFile(tmp_path / 'model.keras') as archive,
    zipfile.ZipFile(tmp_path / 'packed.keras', 'w', zipfile.ZIP_DEFLATED) as packed,
  ):
    for entry in archive.namelist():
      packed.writestr(entry, archive.read(entry))
  content, damaged = (tmp_path / 'packed.keras').read_bytes(), 0
  with zipfile.ZipFile(tmp_path / 'packed.keras') as archive:
    start = archive.getinfo(name).header_offset + 60
  for place in range(start, start + 40):
    (tmp_path / 'packed.keras').write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
    unpacked.check(tmp_path / 'packed.keras')
    try:
      keras_files.load(str(tmp_path / 'packed.keras'))
    except SpecError:
      damaged += 1
  assert damaged > 20


def test_parts_that_contain_each_other_are_refused(tmp_path):
  with h5py.File(tmp_path / 'model.h5', 'w') as file:
    file.create_group('a')['b'] = file['/']
  with pytest.raises(SpecError, match='whose parts contain each other'):
    unpacked.check(tmp_path / 'model.h5')
