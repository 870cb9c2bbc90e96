"""What is served says what the ticket is."""

import dataclasses
import io
import json
import pathlib

import numpy as np
from PIL import Image
import pytest

from st_tf.errors import UserError
from st_tf.task.maps import read_colours
from tests import tiny
from tests.sparse_graphs import CASES
from tests.sparse_graphs import files as files_of
from tflite.file.encode import EncodingError
from tflite.file.runner import Runner
from tflite.web import site
from tflite.web.shown import Shown

BY_NAME = {case.name: case for case in CASES}


@pytest.fixture(scope='module')
def files(tiny_ticket):
  return site.models(tiny_ticket)


def test_both_files_read_pixels_and_say_what_keras_says(tiny_ticket, shapes, files):
  examples = site.examples(shapes, tiny_ticket.task, 3)
  pixels = np.stack([example.picture for example in examples]).astype(np.float32) / 255
  images = ((pixels - tiny_ticket.task.mean) / tiny_ticket.task.deviation).astype(np.float32)
  expected = tiny_ticket.build_model(raw=True)(images, training=False).numpy()
  for content in files.values():
    np.testing.assert_allclose(Runner(content)(pixels), expected, atol=1e-5 * np.abs(expected).max())


def test_the_files_are_smaller_without_zeros_and_in_half_precision(tiny_ticket, files):
  assert len(files['sparse']) < len(files['dense'])
  assert len(site.models(tiny_ticket, Shown('float16'))['dense']) < 0.7 * len(files['dense'])


def test_examples_are_pictures_of_the_validation_split_pixel_for_pixel(shapes, tiny_ticket):
  images, targets = next(iter(shapes.dataset('validation', shapes.sizes['validation']).as_numpy_iterator()))
  found = site.examples(shapes, tiny_ticket.task, 4, seed=2)
  for example in found:
    pixels = np.asarray(Image.open(io.BytesIO(example.png)))
    np.testing.assert_array_equal(pixels, example.picture)
    normalised = (pixels / 255 - shapes.mean) / shapes.deviation
    distances = np.abs(images - normalised).max((1, 2, 3))
    assert distances.min() < 1e-5
    assert example.truth == tiny_ticket.task.labels[targets[distances.argmin()].argmax()]
  again = site.examples(shapes, tiny_ticket.task, 4, seed=2)
  assert [example.png for example in again] == [example.png for example in found]
  assert len({example.png for example in found}) == 4


def test_there_are_no_more_examples_than_pictures(shapes, tiny_ticket, monkeypatch):
  monkeypatch.setattr(shapes, 'sizes', shapes.sizes | {'validation': 2})
  assert len(site.examples(shapes, tiny_ticket.task, 5)) == 2


def test_everything_that_is_named_is_served(tiny_ticket, shapes, files):
  served = site.site(tiny_ticket, Shown(), files, site.examples(shapes, tiny_ticket.task, 2))
  facts = json.loads(served['/facts.json'])
  assert [example['truth'] in tiny_ticket.task.labels for example in facts['examples']] == [True, True]
  for url in ('dense.tflite', 'sparse.tflite', 'example0.png', 'example1.png', 'style.css', 'main.js', 'picture.js'):
    assert served[f'/{url}'], url
  assert served['/'].startswith(b'<!doctype html>') and '/index.html' not in served
  assert {name: len(served[f'/{file["url"]}']) for name, file in facts['files'].items()} == {
    name: file['bytes'] for name, file in facts['files'].items()
  }


def test_the_facts_are_those_of_the_ticket(tiny_ticket, files):
  facts = site.facts(tiny_ticket, Shown(), files, [])
  assert (facts['task'], facts['labels'], facts['size'], facts['keep']) == ('shapes', list(tiny_ticket.task.labels), [32, 32], 1.0)
  tiles = {tile['title']: tile['value'] for tile in facts['tiles']}
  assert tiles == {
    'Task': 'shapes',
    'Sparsity': '80.0%',
    'Validation score': '75.0%',
    'Test score': '70.0%',
    'Labels': '10',
    'Image size': '32×32',
  }


def test_an_exported_file_is_served_as_it_is_and_int8_alone(tiny_ticket, files):
  sparse, quantised = (
    Shown('float32', 'model_float32.tflite', True, files['sparse']),
    Shown('int8', 'model_int8.tflite', False, b'as it is'),
  )
  found = site.models(tiny_ticket, sparse)
  assert found['sparse'] is files['sparse'] and len(found['dense']) == len(files['dense'])
  assert site.models(tiny_ticket, quantised) == {'dense': b'as it is'}
  facts = site.facts(tiny_ticket, quantised, {'dense': b'as it is'}, [])
  assert facts['files'] == {'dense': {'url': 'model_int8.tflite', 'bytes': 8, 'size': '0.0 KB'}} and facts['obstacle'] == ''
  assert facts['tiles'][-1]['value'] == 'model_int8.tflite' and facts['shown'] == 'dense'


def test_scores_that_were_not_taken_are_not_shown(tiny_ticket, files):
  tiles = site.tiles(dataclasses.replace(tiny_ticket, metrics={}))
  assert not [tile for tile in tiles if 'score' in tile['title']]


@pytest.mark.parametrize(
  ('name', 'expected'),
  [
    ('residual', ''),
    ('7x7 depthwise', 'a 7x7 depthwise convolution; use 3x3 or 5x5'),
    ('stored dense', 'None of its kernels has enough zeros'),
  ],
)
def test_the_first_obstacle_is_named(name, expected):
  found = site.obstacle(next(files_of(BY_NAME[name])))
  assert expected in found if expected else found == ''


@pytest.mark.parametrize(('name', 'top'), [('shapes_segmentation', 5), ('shapes_keypoints', 3)])
def test_of_a_map_the_page_knows_its_places_its_colours_and_the_true_pictures(name, top):
  ticket, task = tiny.map_ticket(name, tiny.SPECK_MAPS)
  files = site.models(ticket)
  examples = site.examples(task, ticket.task, 2)
  served = site.site(ticket, Shown(), files, examples)
  said = json.loads(served['/facts.json'])
  assert (said['kind'], said['top'], said['repeats']) == (ticket.kind, top, 2)
  assert said['map'] == list(ticket.build_model(raw=True).output_shape[1:3])
  assert said['colours'] == ticket.task.semantics['colours'] and len(said['colours']) == len(said['labels'])
  assert said['skeleton'] == ticket.task.semantics.get('skeleton', [])
  for example, entry in zip(examples, said['examples'], strict=True):
    assert entry['truth'] == ''
    shown = {tuple(pixel) for pixel in example.true_picture.reshape(-1, 3).tolist()}
    assert shown & {tuple(colour) for colour in read_colours(said['colours']).tolist()}
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(served['/' + entry['truthUrl']]))), example.true_picture)


def test_a_ticket_that_cannot_be_stored_sparsely_is_refused(tiny_ticket, monkeypatch):
  def fails(function, shape, number_format, sparse, **others):
    if sparse:
      raise EncodingError('The model consists of operations that TFLite has. Received from its converter: no.')
    return b'dense'

  monkeypatch.setattr(site, 'encode', fails)
  with pytest.raises(UserError, match=r'dense next to sparse\. Received: The model consists of .* Use another --format or ticket'):
    site.models(tiny_ticket)


def test_the_page_asks_for_nothing_from_elsewhere():
  for path, content in site.page().items():
    text = content.decode().replace('http://www.w3.org/2000/svg', '').replace('http://localhost', '')
    assert 'http://' not in text and 'https://' not in text and '//cdn' not in text, path


def test_every_file_of_the_page_is_of_a_kind_that_is_packaged():
  folder = pathlib.Path(site.__file__).with_name('page')
  assert {path.suffix for path in folder.iterdir()} == {'.html', '.css', '.js'}
