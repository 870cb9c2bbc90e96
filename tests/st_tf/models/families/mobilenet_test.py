import functools

import pytest
import tf_keras as keras

from st_tf.arch.specs import SpecError
from st_tf.models import families
from tests import applications


def test_pixels_are_what_keras_makes_of_them():
  applications.pixels_are_those_of('mobilenet', keras.applications.mobilenet.preprocess_input)


@pytest.mark.slow
def test_network_and_files_are_those_of_keras(tmp_path, monkeypatch):
  build = functools.partial(keras.applications.MobileNet, alpha=0.25)
  applications.is_that_of_keras('mobilenet:0.25', build, tmp_path, monkeypatch, keras.applications.mobilenet.preprocess_input)


def test_other_widths_are_refused():
  with pytest.raises(
    SpecError,
    match='mobilenet has the widths 0.25, 0.5, 0.75, 1. Received: --supernet=mobilenet:0.3. Write for example --supernet=mobilenet:0.25',
  ):
    families.named('mobilenet:0.3')


def test_published_weights_are_those_for_the_size_of_the_images():
  files = [families.named('mobilenet').published(size).file for size in ((128, 128), (128, 160), (300, 300))]
  assert ['128' in files[0], '224' in files[1], '224' in files[2]] == [True] * 3 and '1_0' in files[0]


def test_other_depths_have_more_blocks_of_512_channels_or_fewer_and_no_published_weights():
  usual, more, fewer = (families.supernet(f'mobilenet:0.25{depth}', applications.HEAD, (32, 32)) for depth in ('', ':7', ':1'))
  assert usual == families.supernet('mobilenet:0.25:5', applications.HEAD, (32, 32))
  counts = [sum(node.kind == 'DepthwiseConv2D' for node in graph.nodes) for graph in (usual, more, fewer)]
  assert counts == [13, 15, 9] and more['conv_dw_14'].shape == usual['conv_dw_12'].shape
  assert families.file_of('mobilenet:0.25:7', '', (128, 128)) == ''
  with pytest.raises(SpecError, match='mobilenet:0.25:7 has no published weights, and begins with random ones'):
    families.file_of('mobilenet:0.25:7', 'imagenet', (128, 128))
  for name, message in (
    ('mobilenet:1:0', 'mobilenet has the depths 1, 2, .* Received: --supernet=mobilenet:1:0. Write for example --supernet=mobilenet:1:1'),
    ('mobilenet:1:5:2', 'mobilenet has a width and a depth. Received: --supernet=mobilenet:1:5:2'),
  ):
    with pytest.raises(SpecError, match=message):
      families.named(name)
