"""Files, pictures and arrays give the same answers; what is no picture is refused before the network is asked."""

import base64
import dataclasses
import pathlib
import re

import numpy as np
from PIL import Image
import pytest

from st_tf.errors import UserError
from st_tf.task import most_likely
from st_tf.task.pictures import center_crop
from st_tf.ticket import Prediction, TaskFacts, Ticket
from st_tf.ticket.prediction import crop_of, prediction
from tests import tiny

CLASSES = TaskFacts('made up', ('a', 'b'), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), 'top1', (2, 2))
MASKS = dataclasses.replace(CLASSES, semantics={'kind': 'segmentation', 'colours': ['#ff0000', '#00ff00']})
JOINTS = dataclasses.replace(CLASSES, semantics={'kind': 'keypoints', 'colours': ['#ff0000', '#00ff00'], 'skeleton': []})
OUTPUT = np.asarray([[[1, 0], [0, 1]], [[0, 1], [0, 2]]], np.float32)


@pytest.fixture
def pixels():
  """[50, 70, 3] uint8 of noise."""
  return np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)


@pytest.fixture
def picture(pixels, tmp_path):
  path = tmp_path / 'picture.png'
  Image.fromarray(pixels).save(path)
  return path


def test_classes_by_hand():
  crop = np.zeros((2, 2, 3), np.uint8)
  found = prediction(crop, np.log(np.float32([0.25, 0.75])), CLASSES)
  assert [label for label, _ in found.guesses] == ['b', 'a'] and found.label == 'b'
  assert [share for _, share in found.guesses] == pytest.approx([0.75, 0.25])
  assert found.picture is crop and found.labels is None and found.joints is None and not found.colours


def test_labels_of_pixels_by_hand():
  found = prediction(np.zeros((2, 2, 3), np.uint8), OUTPUT, MASKS)
  assert found.guesses == (('b', 0.75), ('a', 0.25)) and found.colours == {'a': '#ff0000', 'b': '#00ff00'}
  assert found.labels.tolist() == [[0, 1], [1, 1]] and found.joints is None
  assert found.picture[0, 0].tolist() == [140, 0, 0] and found.picture[1, 1].tolist() == [0, 140, 0]


def test_joints_by_hand():
  found = prediction(np.zeros((2, 2, 3), np.uint8), OUTPUT / 8, JOINTS)
  assert found.guesses == (('b', 0.25), ('a', 0.125))
  assert found.joints.tolist() == [[0.5, 0.5, 0.125], [1.5, 1.5, 0.25]] and found.labels is None
  # The joint that is seen clearly is in the lower right cell; the other one is not drawn.
  assert found.picture.shape == (320, 320, 3) and found.picture[240, 240].tolist() == [0, 255, 0] and not found.picture[..., 0].any()


def test_a_crop_has_the_resolution_of_its_picture(pixels):
  np.testing.assert_array_equal(crop_of(Image.fromarray(pixels), (32, 32), 1.0), pixels[:, 10:60])
  assert crop_of(Image.fromarray(pixels), (32, 64), 0.5).shape == (18, 35, 3)


def test_a_picture_is_cropped_and_normalised_as_the_ticket_was_scored(small_ticket, pixels):
  facts = dataclasses.replace(small_ticket.task, mean=(0.2, 0.3, 0.4), deviation=(0.5, 0.6, 0.7), keep=0.875)
  ticket = dataclasses.replace(small_ticket, task=facts)
  image = facts.normalisation.normalised(center_crop(Image.fromarray(pixels), (32, 32), 0.875))
  output = ticket.build_model(raw=True)(image[None], training=False).numpy()[0]
  found = ticket.predict(pixels)
  np.testing.assert_array_equal(found.output, output)
  assert list(found.guesses) == most_likely(output, facts.labels, 10) and found.crop.shape == (44, 44, 3)


def test_a_file_a_picture_and_an_array_give_one_prediction_alike(small_ticket, picture, pixels):
  expected = small_ticket.predict(pixels)
  assert isinstance(expected, Prediction)
  for given in (picture, str(picture), Image.open(picture), Image.fromarray(pixels).convert('RGBA')):
    np.testing.assert_array_equal(small_ticket.predict(given).output, expected.output)


def test_several_pictures_give_a_list_in_their_order(small_ticket, picture, pixels):
  one, other = small_ticket.predict(pixels), small_ticket.predict(pixels[::-1])
  for given in ([pixels, pixels[::-1]], (picture, pixels[::-1]), np.stack([pixels, pixels[::-1]]), iter([pixels, pixels[::-1]])):
    found = small_ticket.predict(given)
    assert isinstance(found, list)
    for entry, expected in zip(found, (one, other), strict=True):
      np.testing.assert_allclose(entry.output, expected.output, rtol=1e-4, atol=1e-5)
  assert len(small_ticket.predict([pixels] * 9)) == 9 and small_ticket.predict([]) == []


def test_the_network_is_built_once_and_is_no_part_of_the_ticket(small_ticket, pixels, tmp_path, monkeypatch):
  small_ticket.save(tmp_path / 'ticket')
  ticket = Ticket.load(tmp_path / 'ticket')
  built = []
  build_model = Ticket.build_model
  monkeypatch.setattr(Ticket, 'build_model', lambda self, raw=False: built.append(raw) or build_model(self, raw))
  ticket.predict(pixels)
  ticket.predict([pixels, pixels])
  assert ticket.count().params and built == [True]
  other = dataclasses.replace(ticket, weights=ticket.weights | {'head/classifier/bias': np.arange(10, dtype=np.float32)})
  other.predict(pixels)
  assert built == [True, True] and 'network=' not in repr(ticket)


@pytest.mark.parametrize(
  ('given', 'message'),
  [
    ('none.png', r'An image is a file that exists\. Received: none\.png'),
    (pathlib.Path('none.png'), r'An image is a file that exists\. Received: none\.png'),
    (['none.png'], r'Received: none\.png'),
    (np.zeros((4, 4, 3), np.float32), r'in uint8, from 0 to 255\. Received: float32 as the picture\. Give for example np\.rint'),
    (np.zeros((4, 4), np.uint8), r'is \[height, width, 3\].*Received: \[4, 4\] as the picture'),
    (np.zeros((4, 4, 4), np.uint8), r'Received: \[4, 4, 4\]'),
    (np.zeros((0, 4, 3), np.uint8), r'Received: \[0, 4, 3\]'),
    (np.zeros((2, 4, 4, 1), np.uint8), r'Received: \[4, 4, 1\] as picture 0'),
    (np.zeros((1, 2, 4, 4, 3), np.uint8), r'Received: \[1, 2, 4, 4, 3\]'),
    (None, r'A picture is a file, a PIL picture or an array.*Received: NoneType as the picture'),
    ([np.zeros((4, 4, 3), np.uint8), 5], r'Received: int as picture 1'),
    (Image.new('I', (4, 4)), r"Received: mode 'I' of the picture"),
  ],
)
def test_what_is_no_picture_is_refused_before_the_network_is_asked(small_ticket, given, message, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(Ticket, 'network', None)
  with pytest.raises(UserError, match=message):
    small_ticket.predict(given)


def test_a_file_that_is_cut_off_is_named(small_ticket, picture):
  picture.write_bytes(picture.read_bytes()[:2000])
  for given in (picture, Image.open(picture)):
    with pytest.raises(UserError, match=r'An image can be decoded\. Received: (.*picture\.png|the picture) '):
      small_ticket.predict(given)


def test_a_notebook_shows_the_picture_and_the_guesses():
  task = dataclasses.replace(MASKS, labels=('<b>', 'c'))
  found = prediction(np.zeros((900, 450, 3), np.uint8), OUTPUT, task)
  shown = found._repr_html_()
  assert '&lt;b&gt;' in shown and '<b>' not in shown and '#ff0000' in shown and '%</td>' in shown
  png = base64.b64decode(re.search('base64,([^"]+)"', shown)[1])
  assert png == found._repr_png_() and png.startswith(b'\x89PNG')
  assert repr(found).startswith("Prediction('c', ")


def test_maps_come_with_labels_and_joints(pixels):
  ticket, task = tiny.map_ticket('shapes_segmentation')
  found = ticket.predict(pixels)
  assert found.labels.shape == (50, 50) and found.picture.shape == found.crop.shape == (50, 50, 3)
  assert len(found.guesses) == len(task.labels) and sum(share for _, share in found.guesses) == pytest.approx(1)
