"""A call from Python wants what a command line wants."""

import pathlib

import pytest

from st_tf.api.calls import call_of, requested
from st_tf.config import ConfigError
from st_tf.config.duration import epochs, share


def test_paths_and_tasks_are_taken_by_name(shapes):
  assert requested(shapes, {'supernet': pathlib.Path('a.json')}).given == {'task': 'shapes', 'supernet': 'a.json'}
  assert requested('', {'epochs': 3}).given == {'epochs': 3}


def test_one_sparsity_is_as_good_as_several():
  assert requested('shapes', {'sparsity': 0.8}).resolved().pruning.sparsity == (0.8,)
  assert requested('shapes', {'sparsity': [0.8, 0.9]}).resolved().pruning.sparsity == (0.8, 0.9)


def test_a_call_is_written_as_it_was_made(shapes):
  assert call_of('draw', 'shapes', {'epochs': 2, 'supernet': 'tiny'}) == "st_tf.draw('shapes', epochs=2, supernet='tiny')"
  assert call_of('draw', '', {}) == 'st_tf.draw()' and call_of('draw', shapes, {}) == "st_tf.draw('shapes')"


def test_durations_say_their_unit():
  found = requested('shapes', {'warmup': '5ep', 'prune_end': 0.6, 'search_end': '50%'}).resolved()
  assert (found.training.warmup, found.pruning.prune_end, found.search.search_end) == (epochs(5.0), share(0.6), share(0.5))


@pytest.mark.parametrize('given', [{'warmup': 5}, {'learning_rate_milestones': (0.5, 20)}])
def test_a_bare_number_above_one_is_no_duration(given):
  with pytest.raises(ConfigError, match=r"Received: \d+\. Write '\d+ep' for epochs, or '\d+it' for steps"):
    requested('shapes', given)


def test_a_task_at_hand_keeps_its_data(shapes):
  with pytest.raises(ConfigError, match='Received: mixup=0.2 for shapes. Give it where the task is made'):
    requested(shapes, {'mixup': 0.2})


def test_a_file_or_a_recipe_says_nothing_of_the_data_of_a_task_at_hand(shapes, tmp_path):
  (tmp_path / 'config.json').write_text('{"image_size": 96, "epochs": 7}')
  config = requested(shapes, {}, tmp_path / 'config.json').resolved(shapes.settings)
  assert config.epochs == 7 and config.data.image_size == 0 and config.data.train_examples == 200


def test_a_call_names_nothing_of_the_machine():
  said = {'config': 'runs/a/config.json', 'workdir': '/some/where', 'data_dir': '/data', 'recipe': '', 'supernet': '/nets/mine.json'}
  assert call_of('draw', 'folder:/my/pictures', said) == (
    "st_tf.draw('folder:pictures', config='runs/a/config.json', supernet='mine.json')"
  )
