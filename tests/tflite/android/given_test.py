"""Labels come from behind the model, maps in the ticket's places; what else is no export is refused in `__main___test.py`."""

import numpy as np
import pytest
import tensorflow as tf

from st_tf.errors import UserError
from tests import tiny
from tests.graphs import conv, graph, image
from tflite.android import given
from tflite.deploy.emit import emit
from tflite.file.encode import encode
from tflite.file.metadata import Description, with_metadata


@pytest.fixture(scope='module')
def keypoint_ticket():
  return tiny.untrained(tiny.map_task('shapes_keypoints'), tiny.SPECK_MAPS)


@pytest.mark.parametrize('labels', [['cat', 'dog'], ['one'], ['a b', 'ü', 'line\u2028separator']])
def test_labels_are_those_that_were_packed(labels):
  plain = encode(emit(graph(image(), conv('a', 'image', [[1.0]] * 3))), (4, 4, 3))
  assert given.labels(plain) == []
  assert given.labels(with_metadata(plain, Description('n', 't', (4, 4), labels))) == labels


@pytest.mark.parametrize(
  ('output_shape', 'times'), [((32, 32, 3), 1), ((64, 64, 3), 2), ((64, 32, 3), 0), ((16, 16, 3), 0), ((32, 32, 4), 0), ((3,), 0)]
)
def test_a_file_gives_each_place_of_a_map_equally_often(keypoint_ticket, output_shape, times):
  assert keypoint_ticket.build_model(raw=True).output_shape[1:] == (32, 32, 3)
  assert given.repeats(keypoint_ticket, output_shape) == times


def test_labels_of_a_picture_come_once(speck_ticket):
  assert given.repeats(speck_ticket, (10,)) == 1
  assert given.repeats(speck_ticket, (9,)) == given.repeats(speck_ticket, (4, 4, 10)) == 0


def test_a_file_with_outputs_of_another_kind_is_refused(keypoint_ticket, tmp_path):
  size = keypoint_ticket.input_shape[:2]
  plain = encode(lambda image: image[:, ::16, ::16], (*size, 3))
  path = tmp_path / 'model.tflite'
  path.write_bytes(with_metadata(plain, Description('n', 't', size, keypoint_ticket.task.labels, 'keypoints')))
  with pytest.raises(UserError, match=r'gives what its ticket gives, for keypoints\. Received: outputs of 4x4x3, in .*Export it') as found:
    given.model(path, keypoint_ticket)
  assert 'A --model' not in str(found.value), 'nobody may have given one'


def test_a_file_whose_output_has_no_batch_is_refused(speck_ticket, tmp_path):
  size = speck_ticket.input_shape[:2]
  plain = encode(lambda image: tf.reduce_mean(image, (0, 1, 2))[:1] * np.ones(10, np.float32), (*size, 3))
  path = tmp_path / 'model.tflite'
  path.write_bytes(with_metadata(plain, Description('n', 't', size, speck_ticket.task.labels)))
  with pytest.raises(UserError, match=r'for classification\. Received: outputs of 10 without a batch, in .*Export it'):
    given.model(path, speck_ticket)
