"""A call from Python wants what a command line wants."""

import pathlib

from st_tf.api.calls import call_of, requested


def test_paths_and_tasks_are_taken_by_name(shapes):
  assert requested(shapes, {'supernet': pathlib.Path('a.json')}).given == {'task': 'shapes', 'supernet': 'a.json'}
  assert requested('', {'epochs': 3}).given == {'epochs': 3}


def test_one_sparsity_is_as_good_as_several():
  assert requested('shapes', {'sparsity': 0.8}).resolved().pruning.sparsity == (0.8,)
  assert requested('shapes', {'sparsity': [0.8, 0.9]}).resolved().pruning.sparsity == (0.8, 0.9)


def test_a_call_is_written_as_it_was_made(shapes):
  assert call_of('draw', 'shapes', {'epochs': 2, 'supernet': 'tiny'}) == "st_tf.draw('shapes', epochs=2, supernet='tiny')"
  assert call_of('draw', '', {}) == 'st_tf.draw()' and call_of('draw', shapes, {}) == "st_tf.draw('shapes')"
