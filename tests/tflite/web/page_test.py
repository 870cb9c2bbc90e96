"""The page in a real browser: it computes what Python computes, shows what Keras says, and says what went wrong."""

import contextlib
import dataclasses
import json
import pathlib
import re
import shutil
import subprocess

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from st_tf import wording
from st_tf.task import most_likely
from st_tf.task.maps import SHOWN_CONFIDENCE, decode, labelled, read_colours
from st_tf.task.pictures import center_crop
from tests import tiny
from tflite import vectors
from tflite.runtimes import browser
from tflite.web import site
from tflite.web.shown import Shown

ROOT = pathlib.Path(__file__).resolve().parents[3]
DRIVER = pathlib.Path(__file__).with_name('page_driver.mjs')
WEB = ROOT / 'tflite' / 'web'
KEEP = 0.75
SECONDS = 240
_RNG = np.random.default_rng(5)
# 'values' [rows, columns, labels] of a file, each place 'repeats' times per direction; 'map' (rows, columns) without that.
MAP_VECTORS = [
  {
    'values': _RNG.normal(size=(*shape, count)).astype(np.float32).repeat(repeats, 0).repeat(repeats, 1),
    **{'map': shape, 'repeats': repeats, 'labels': ['x'] * count, 'size': size},
  }
  for shape, count, repeats, size in (((3, 4), 2, 1, (12, 16)), ((6, 5), 4, 2, (13, 20)), ((1, 1), 3, 2, (4, 4)), ((9, 7), 3, 1, (9, 7)))
]


def missing() -> str:
  """What is to be done to have all that these tests need; empty when it is there."""
  if browser.missing():
    return browser.missing()
  if not shutil.which('node') or not (WEB / 'node_modules' / 'playwright-core').is_dir():
    return f'Node and playwright-core are needed. Received: none in {WEB / "node_modules"}. Install Node and npm, and run: make web.'
  return ''


pytestmark = [
  pytest.mark.slow,
  pytest.mark.skipif(bool(missing()), reason=missing() or 'all there'),
]  # A browser that does it all takes a minute.


@pytest.fixture(scope='module')
def ticket(tiny_ticket):
  """One whose evaluation keeps only the middle of a picture."""
  return dataclasses.replace(tiny_ticket, task=dataclasses.replace(tiny_ticket.task, keep=KEEP))


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
  return site.models(ticket)


@pytest.fixture(scope='module')
def maps():
  """{name of a task: (a ticket that was never trained, its task)}; that of keypoints is sure of all it sees."""
  found = {name: tiny.map_ticket(name) for name in ('shapes_segmentation', 'shapes_keypoints')}
  ticket, task = found['shapes_keypoints']
  kernel, bias = (ticket.weights[f'head/classifier/{name}'] for name in ('kernel', 'bias'))
  sure = {'head/classifier/kernel': 100 * kernel, 'head/classifier/bias': bias + 0.5}
  return found | {'shapes_keypoints': (dataclasses.replace(ticket, weights=ticket.weights | sure), task)}


def _map_pages(ticket, task) -> dict[str, bytes]:
  return site.site(ticket, Shown(), site.models(ticket), site.examples(task, ticket.task, 1))


@pytest.fixture(scope='module')
def found(ticket, files, examples, pictures, maps, tmp_path_factory):
  """What the driver has seen."""
  pages = site.site(ticket, Shown(), files, examples)
  garbage = {f'/{name}.tflite': b'this is no model' for name in files}
  half = {'/sparse.tflite': garbage['/sparse.tflite']}
  with contextlib.ExitStack() as stack:
    address, broken, half_broken = (stack.enter_context(browser.served(each)) for each in (pages, pages | garbage, pages | half))
    map_addresses = {name: stack.enter_context(browser.served(_map_pages(*found))) for name, found in maps.items()}
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
      'maps': map_addresses,
      'mapVectors': [vector | {'values': vector['values'].ravel().tolist()} for vector in MAP_VECTORS],
    }
    path = tmp_path_factory.mktemp('job') / 'job.json'
    path.write_text(json.dumps(job))
    run = subprocess.run(['node', DRIVER, path], capture_output=True, text=True, timeout=SECONDS)
  assert run.returncode == 0, run.stderr
  return json.loads(run.stdout) | {'hosts': (address, broken, half_broken, *map_addresses.values())}


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
  model = ticket.build_model(raw=True)

  def guess(pixels: np.ndarray) -> list[tuple[str, float]]:
    image = ticket.task.normalisation.normalised(pixels)
    return most_likely(model(image[None], training=False).numpy()[0], ticket.task.labels, 5)

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


def test_maps_become_labels_and_joints_as_python_makes_them(seen):
  for vector, page in zip(MAP_VECTORS, seen('mapVectors'), strict=True):
    single = vector['values'][:: vector['repeats'], :: vector['repeats']]
    enlarged = tf.image.resize(single, vector['size']).numpy()
    runner_up, largest = np.sort(enlarged, -1)[..., -2:].transpose(2, 0, 1)
    clear = largest - runner_up > 1e-5
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(np.reshape(page['mask'], vector['size'])[clear], enlarged.argmax(-1)[clear])
    np.testing.assert_allclose(page['joints'], decode(single[None], vector['size'])[0], rtol=1e-6)


def assert_drawn(drawn, points, skeleton, colours) -> None:
  """Joints that no later one covers have their colours, and limbs one of them in their middle, where no joint lies."""
  near = drawn.shape[0] / 25

  def colour(point) -> np.ndarray:
    return drawn[tuple(point[::-1].astype(int))].astype(int)

  alone = [index for index, point in enumerate(points) if (np.linalg.norm(points[index + 1 :] - point, axis=1) > near).all()]
  for index in alone:
    assert np.abs(colour(points[index]) - colours[index]).max() < 20, index
  middles = [points[limb].mean(0) for limb in skeleton]
  middles = [middle for middle in middles if (np.linalg.norm(points - middle, axis=1) > near).all()]
  assert len(alone) > 1 and middles
  for middle in middles:
    assert np.abs(colour(middle) - colours).max(1).min() < 20


@pytest.mark.parametrize('name', ['shapes_segmentation', 'shapes_keypoints'])
def test_what_a_map_says_is_listed_and_drawn_over_the_picture(seen, maps, name):
  page, (ticket, task) = seen(name), maps[name]
  (example,) = site.examples(task, ticket.task, 1)
  output = ticket.build_model(raw=True)(task.normalisation.normalised(example.picture)[None], training=False).numpy()[0]
  size, labels = ticket.input_shape[:2], ticket.task.labels
  colours = read_colours(ticket.task.semantics['colours'])
  drawn = np.reshape(page['pixels'], (page['height'], page['width'], 4))[..., :3]
  if ticket.kind == 'segmentation':
    mask = labelled(output, size)
    expected = dict(zip(labels, np.bincount(mask.ravel(), minlength=len(labels)) / mask.size))
    factor = page['height'] // size[0]
    middles = drawn[factor // 2 :: factor, factor // 2 :: factor]
    blended = 0.45 * example.picture + 0.55 * colours[mask]
    assert (np.abs(middles - blended).max(-1) < 20).mean() > 0.9
    assert page['best'] == max(expected, key=expected.get)
  else:
    joints = decode(output[None], size)[0]
    expected = dict(zip(labels, joints[:, 2].clip(0, 1)))
    assert min(expected.values()) > SHOWN_CONFIDENCE
    assert_drawn(drawn, joints[:, :2] * page['width'] / size[1], ticket.task.semantics['skeleton'], colours)
    assert page['best'] == f'{sum(share >= SHOWN_CONFIDENCE for share in expected.values())} of {len(labels)} joints'
  assert (page['truth'], page['truthUrl'], page['isWrong']) == ('Beside this, the truth', 'truth0.png', False)
  for label, share, _ in page['shares']:
    assert share == pytest.approx(expected[label], abs=5e-3)


@pytest.mark.parametrize('name', ['shapes_segmentation', 'shapes_keypoints'])
def test_nothing_moves_when_the_answer_to_a_map_comes(seen, name):
  assert seen(name)['before'] == seen(name)['places']


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
  assert during['best'] in ticket.task.labels and during['states'] == ['live'] and not during['isInvited']
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
