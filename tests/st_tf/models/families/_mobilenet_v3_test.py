import pytest
from tf_keras.src.applications import mobilenet_v3

from st_tf.models import families


@pytest.mark.parametrize('name, kind', [
  ('mobilenet_v3_small', 'small_224_1.0_float'),
  ('mobilenet_v3_small:0.75', 'small_224_0.75_float'),
  ('mobilenet_v3_large', 'large_224_1.0_float'),
  ('mobilenet_v3_large:0.75', 'large_224_0.75_float'),
  ('mobilenet_v3_small_minimalistic', 'small_minimalistic_224_1.0_float'),
  ('mobilenet_v3_large_minimalistic', 'large_minimalistic_224_1.0_float'),
])  # fmt: skip
def test_published_files_are_those_that_keras_knows(name, kind):
  wanted = families.named(name).published((96, 96))
  assert wanted.file == f'weights_mobilenet_v3_{kind}_no_top_v2.h5' and wanted.other.file == f'weights_mobilenet_v3_{kind}.h5'
  assert (wanted.other.digest, wanted.digest) == mobilenet_v3.WEIGHTS_HASHES[kind]
  assert f'{wanted.address}/' == mobilenet_v3.BASE_WEIGHT_PATH
