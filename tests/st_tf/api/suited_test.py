"""The network, the pixels and the settings of a run where nobody says otherwise."""

import types

import pytest

from st_tf.api import suited
from st_tf.arch.specs import SpecError
from st_tf.config import Config
from st_tf.config.request import Request
from st_tf.models import families
from tests.photographs import task


def chosen(on, **settings):
  return suited.supernet(on, Config.from_flat(settings))


def test_photographs_have_a_trained_network_where_its_weights_are_at_hand(cache):
  assert chosen(task(100))[0] == 'mobile' and 'no trained weights are at hand' in chosen(task(100))[1]
  (cache / 'efficientnet_lite0.npz').touch()
  for preset in ('mobile', 'mobile_dense'):
    name, note = chosen(task(100, preset))
    assert name == 'efficientnet_lite0' and 'its trained weights are at hand' in note
  assert chosen(task(100), weights='imagenet')[0] == 'efficientnet_lite0'


def test_what_is_asked_for_is_what_is_taken(cache):
  (cache / 'efficientnet_lite0.npz').touch()
  assert chosen(task(100), supernet='cifar') == ('cifar', '')
  assert chosen(task(100), weights='none') == ('mobile', '') == chosen(task(100, 'mobile'), weights='none')
  assert chosen(task(100, 'tiny')) == ('tiny', ''), 'which are no photographs'
  assert chosen(task(100), method='menas') == ('mobile', ''), 'of whose MACs the target is a share'


@pytest.mark.parametrize(
  ('weights', 'name'), [('my.npz', 'efficientnet_lite0'), ('my.h5', 'mobilenet_v2'), ('imagenet', 'mobilenet_v2'), ('?', suited.TRAINED[0])]
)
def test_weights_without_a_name_are_of_the_network_that_has_such(cache, weights, name):
  found, note = chosen(task(100), weights=weights)
  assert found == name and note and set(suited.TRAINED) <= set(families.plugins.names(families.__name__))


def photographs(side):
  """A task of photographs of one size that can show them at any other."""
  on = task(100_000)
  on.picture_sizes = ((side, side + 40),) * 3
  on.resized = lambda size: types.SimpleNamespace(**{**vars(on), 'image_size': size})
  return on


@pytest.mark.parametrize(
  ('settings', 'size', 'recorded', 'note'),
  [
    ({'supernet': 'mobile'}, 96, 0, 'image_size 96: from scratch quick to train'),
    ({'supernet': 'mobile', 'image_size': 160}, 160, 160, ''),
    ({'supernet': 'efficientnet_lite0', 'weights': 'none'}, 96, 0, 'image_size 96: from scratch quick to train'),
    ({'supernet': 'efficientnet_lite0', 'weights': 'none', 'image_size': 0}, 96, 0, ''),
  ],
)
def test_the_image_size_follows_the_pictures_where_nobody_says(settings, size, recorded, note, cache, capsys):
  on = photographs(400)
  on.image_size = (settings.get('image_size') or 96,) * 2  # As tasks read it.
  found, config = suited.suited(on, Request.of(settings))
  assert (found.image_size, config.data.image_size) == ((size, size), recorded)
  told = [line for line in capsys.readouterr().out.splitlines() if line.startswith('image_size ')]
  assert told == [] if not note else told[0].startswith(note)


def test_a_size_that_is_not_the_tasks_own_is_among_the_settings(cache, capsys):
  found, config = suited.suited(photographs(64), Request.of({'supernet': 'mobile'}))
  assert (found.image_size, config.data.image_size) == ((64, 64), 64)
  assert 'image_size 64: about the size of the pictures, 64 pixels (shorter side, the median)' in capsys.readouterr().out.splitlines()


def test_weights_decide_the_size_they_are_for(monkeypatch, cache):
  weights = {(224, 224): 'a.h5', (96, 96): 'b.h5'}
  monkeypatch.setattr(suited.starts, 'located', lambda name, given, size: weights.get(tuple(size), 'none'))
  sized = suited._sized(photographs(400), 'mobilenet_v2', '', True)
  assert sized[:2] == ('a.h5', (224, 224)) and sized[2].startswith('what mobilenet_v2 was trained on')
  del weights[224, 224]
  assert suited._sized(photographs(400), 'mobilenet_v2', '', True) == ('b.h5', (96, 96), 'the size that the weights at hand are for')
  assert chosen(photographs(400))[0] == 'efficientnet_lite0'
  weights.clear()
  assert suited._sized(photographs(400), 'mobilenet_v2', '', True)[:2] == ('none', (96, 96))


def test_weights_that_cannot_be_fetched_name_the_other_start(monkeypatch, cache):
  def unreachable(name, given, size):
    if given:
      raise SpecError('Weights can be fetched. Received: no answer.')
    return 'none'

  monkeypatch.setattr(suited.starts, 'located', unreachable)
  for settings in ({'weights': 'imagenet'}, {'weights': 'imagenet', 'supernet': 'mobilenet_v2'}):
    with pytest.raises(SpecError) as error:
      suited.suited(photographs(400), Request.of(settings))
    said = 'no answer. Or begin with efficientnet_lite0, by --weights=FILE.npz alone: an .npz file with arrays by the names of the'
    assert said in str(error.value) and f'Put at {cache}/' in str(error.value)
    assert str(error.value).endswith('is what runs on photographs begin with, without --weights and --supernet.')


def test_settings_of_a_file_keep_the_size_that_they_had():
  assert suited.is_free(task(10), Request.of({}))
  assert not suited.is_free(task(10), Request({}, {'image_size': 0})) and not suited.is_free(task(10), Request({'image_size': 0}))
  assert not suited.is_free(task(10, image_size=32), Request.of({}))


@pytest.mark.parametrize(
  ('supernet', 'size', 'note'),
  [
    ('mobile', (100, 100), 'image_size 100: {} only; 96 is one'),
    ('efficientnet_lite0', (240, 320), 'image_size 240x320: {} only; 224x320 is one'),
    ('mobile', (96, 96), ''),
    ('cifar', (30, 30), ''),
  ],
)
def test_sizes_at_which_phones_run_dense_are_told(supernet, size, note, cache, capsys):
  on = task(100_000)
  on.image_size = size
  suited.suited(on, Request.of({'supernet': supernet, 'weights': 'none'} if supernet != 'cifar' else {'supernet': supernet}))
  note = note.format('networks run sparsely on phones at multiples of 32 pixels')
  assert (note in capsys.readouterr().out.splitlines()) == bool(note)
