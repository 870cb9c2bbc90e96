"""The page in a real browser: it computes what Python computes, shows what Keras says, and says what went wrong."""

import dataclasses
import json
import pathlib
import re
import shutil
import subprocess

import numpy as np
from PIL import Image
import pytest

from st_tf import wording
from st_tf.pictures import center_crop, normalised
from st_tf.task import most_likely
from tflite import vectors
from tflite.runtimes import browser
from tflite.web import site

ROOT = pathlib.Path(__file__).resolve().parents[3]
DRIVER = pathlib.Path(__file__).with_name('page_driver.mjs')
WEB = ROOT / 'tflite' / 'web'
KEEP = 0.75
SECONDS = 240


def missing() -> str:
  """What is to be done to have all that these tests need; empty when it is there."""
  if browser.missing():
    return browser.missing()
  if not shutil.which('node') or not (WEB / 'node_modules' / 'playwright-core').is_dir():
    return f'Node and playwright-core are needed. Received: none in {WEB / "node_modules"}. Install Node and npm, and run: make web.'
  return ''


pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or 'all there')


@pytest.fixture(scope='module')
def ticket(tiny_ticket):
  """One whose evaluation keeps only the middle of a picture."""
  return dataclasses.replace(tiny_ticket, task=tiny_ticket.task | {'keep': KEEP})


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
  """Two files: one wide, one tall."""
  folder, rng = tmp_path_factory.mktemp('pictures'), np.random.default_rng(3)
  found = []
  for name, shape, colours in (('first', (50, 91), (40, 256)), ('second', (120, 47), (0, 120))):
    path = folder / f'{name}.png'
    Image.fromarray(rng.integers(*colours, (*shape, 3), np.uint8)).save(path)
    found.append(path)
  return found


@pytest.fixture(scope='module')
def examples(shapes, ticket):
  return site.examples(shapes, ticket.task, 3)


@pytest.fixture(scope='module')
def files(ticket):
  return site.models(ticket, 'float32')


@pytest.fixture(scope='module')
def found(ticket, files, examples, pictures, tmp_path_factory):
  """What the driver has seen."""
  pages = site.site(ticket, 'float32', files, examples)
  garbage = {f'/{name}.tflite': b'this is no model' for name in files}
  half = {'/sparse.tflite': garbage['/sparse.tflite']}
  with browser.served(pages) as address, browser.served(pages | garbage) as broken, browser.served(pages | half) as half_broken:
    job = {
      'packages': str(WEB / 'package.json'),
      'executable': browser.browser(),
      'flags': [flag for flag in browser.FLAGS if flag != '--headless'],
      'address': address,
      'garbage': broken,
      'halfGarbage': half_broken,
      'pictures': list(map(str, pictures)),
      'crops': vectors.crops().splitlines(),
      'guesses': vectors.guesses().splitlines(),
    }
    path = tmp_path_factory.mktemp('job') / 'job.json'
    path.write_text(json.dumps(job))
    run = subprocess.run(['node', DRIVER, path], capture_output=True, text=True, timeout=SECONDS)
  assert run.returncode == 0, run.stderr
  return json.loads(run.stdout) | {'hosts': (address, broken, half_broken)}


@pytest.fixture
def seen(found):
  def get(name: str) -> dict:
    result = found['scenarios'][name]
    assert 'error' not in result, result
    return result

  return get


@pytest.fixture(scope='module')
def says(ticket):
  """What Keras says about pixels that are ready for the network."""
  model = ticket.build_model()

  def guess(pixels: np.ndarray) -> list[tuple[str, float]]:
    image = normalised(pixels, ticket.task['mean'], ticket.task['deviation'])
    return most_likely(model(image[None], training=False).numpy()[0], ticket.task['labels'], 5)

  return guess


def assert_shown(page: dict, expected: list[tuple[str, float]]) -> None:
  assert [label for label, _, _ in page['shares']] == [label for label, _ in expected]
  np.testing.assert_allclose([share for _, share, _ in page['shares']], [share for _, share in expected], atol=1e-3)
  for _, share, text in page['shares']:
    assert float(text.rstrip('%')) == pytest.approx(100 * share, abs=0.06)
  assert page['best'] == expected[0][0] and not page['isWrong']


def test_golden_vectors_come_out_the_same(seen):
  result = seen('vectors')
  assert result['different'] == []
  for line, said in zip(vectors.guesses().splitlines(), result['said'], strict=True):
    _, indices, shares = (list(map(float, column.split(','))) for column in line.split())
    assert [index for index, _ in said] == indices
    np.testing.assert_allclose([share for _, share in said], shares, rtol=0, atol=1e-12)
  np.testing.assert_array_equal(np.float32(result['input']), np.arange(256, dtype=np.uint8).astype(np.float32) / 255)


def test_an_example_is_answered_as_keras_answers_it_without_a_second_crop(seen, examples, says):
  page, example = seen('example'), examples[1]
  expected = says(example.picture)
  assert_shown(page, expected)
  assert ('right' in page['truth']) == (expected[0][0] == example.truth)
  assert page['truth'].endswith(('right', example.truth))


@pytest.mark.parametrize(('name', 'index'), [('chosen', 0), ('dropped', 1), ('pasted', 0), ('hurried', 1)])
def test_a_picture_is_answered_as_keras_answers_it(seen, pictures, ticket, says, name, index):
  crops = [center_crop(Image.open(path), ticket.input_shape[:2], KEEP) for path in pictures]
  first, second = map(says, crops)
  assert abs(first[0][1] - second[0][1]) > 3e-3 or first[0][0] != second[0][0], 'the pictures are told apart'
  assert_shown(seen(name), (first, second)[index])
  assert seen(name)['truth'] == ''


def test_only_the_last_of_several_pictures_is_answered(seen):
  assert [line for line in seen('hurried')['said'] if 'first.png: most likely' in line] == []


def test_times_and_sizes_of_both_files_are_shown(seen, files):
  page = seen('example')
  assert seen('fresh')['times'] == ['–', '–']
  assert page['sizes'] == seen('fresh')['sizes'] == [wording.size(len(files['dense'])), wording.size(len(files['sparse']))]
  dense, sparse = (float(re.fullmatch(r'([\d.]+) ms', text)[1]) for text in page['times'])
  assert dense > 0 and sparse > 0
  ratio = dense / sparse
  if ratio > 1.15:
    assert page['finding'].startswith(f'Sparse is {ratio:.1f}'[:-1]) and page['why'] == ''
  if ratio < 1.05:
    assert page['finding'].startswith('Sparse is not faster than dense here.')
    assert page['why'] == f'The first reason: {site.obstacle(files["sparse"])}'
  share = float(re.search(r'its file is (\d+)% as large', page['finding'])[1])
  assert share == pytest.approx(100 * len(files['sparse']) / len(files['dense']), abs=0.51)


def test_the_ticket_is_described(seen):
  page = seen('chosen')
  assert 'A network for shapes with 10 labels, 80.0% of whose' in page['lead']
  for text in ('shapes', '80.0%', '75.0%', '70.0%', '32×32'):
    assert text in page['tiles']


def test_nothing_moves_when_the_answer_comes(seen):
  assert seen('example')['places'] == seen('fresh')['places']


@pytest.mark.parametrize(
  ('name', 'message'),
  [
    ('text', 'notes.txt is no picture that this browser can read. Choose a PNG'),
    ('address', 'What was dropped holds no picture file. Save the picture first'),
    ('forbidden', 'The camera was not allowed. Allow it'),
    ('garbage', 'The file dense.tflite does not run in this browser ('),
    ('noWebAssembly', 'This browser runs no WebAssembly'),
  ],
)
def test_what_fails_is_said_and_nothing_is_answered(seen, name, message):
  page = seen(name)
  assert page['isWrong'] and page['status'].startswith(message)
  assert page['best'] == '–' and {label for label, _, _ in page['shares']} <= {'–'}


def test_a_sparse_file_that_does_not_run_leaves_the_dense_one(seen, pictures, ticket, says):
  assert_shown(seen('halfGarbage'), says(center_crop(Image.open(pictures[0]), ticket.input_shape[:2], KEEP)))
  assert seen('halfGarbage')['finding'].startswith('There is nothing to compare: The file sparse.tflite does not run')


def test_the_camera_is_answered_until_it_is_stopped(seen, ticket):
  during, after, later = (seen('camera')[name] for name in ('during', 'after', 'later'))
  assert during['best'] in ticket.task['labels'] and during['states'] == ['live'] and not during['isInvited']
  assert during['isMirrored'] == 'matrix(-1, 0, 0, 1, 0, 0)'
  assert after['states'] == ['ended'] and after['isInvited'] and after['status'] == 'The camera is off.'
  assert after['best'] == later['best'] == '–'


def test_the_keyboard_reaches_everything_and_sees_where_it_is(seen, examples, says):
  page = seen('keyboard')
  assert page['stops'] == ['file', 'camera', 'thumbnails'] and page['outline'] == 'solid'
  assert_shown(page, says(examples[0].picture))


def test_the_page_fits_a_phone(seen):
  assert seen('phone')['width'] == 390


def test_no_request_leaves_this_computer_and_nothing_is_complained_about(found):
  outside = [
    url for url in found['requests'] if not url.startswith((*found['hosts'], *(f'blob:{host}' for host in found['hosts']), 'data:'))
  ]
  assert outside == [] and found['errors'] == []
