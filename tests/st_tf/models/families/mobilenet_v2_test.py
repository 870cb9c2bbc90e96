import functools

import pytest
import tf_keras as keras

from st_tf.arch.specs import SpecError
from st_tf.models import families
from tests import applications


def test_pixels_are_what_keras_makes_of_them():
  applications.pixels_are_those_of('mobilenet_v2', keras.applications.mobilenet_v2.preprocess_input)


@pytest.mark.slow
def test_network_and_files_are_those_of_keras(tmp_path, monkeypatch):
  build = functools.partial(keras.applications.MobileNetV2, alpha=0.35)
  applications.is_that_of_keras('mobilenet_v2:0.35', build, tmp_path, monkeypatch, keras.applications.mobilenet_v2.preprocess_input)


def test_other_widths_are_refused():
  with pytest.raises(
    SpecError,
    match='has the widths 0.35, 0.5, 0.75, 1, 1.3, 1.4. Received: --supernet=mobilenet_v2:0.3. Write for example',
  ):
    families.named('mobilenet_v2:0.3')


def test_published_weights_are_those_for_the_size_of_the_images():
  files = [families.named('mobilenet_v2').published(size).file for size in ((128, 128), (128, 160), (300, 300))]
  assert ['128' in files[0], '224' in files[1], '224' in files[2]] == [True] * 3 and '1.0' in files[0]
