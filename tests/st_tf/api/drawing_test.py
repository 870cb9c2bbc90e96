"""What every way to a ticket does before and after the method's own part."""

import pytest

from st_tf.api import drawing
from st_tf.config.request import Request
from st_tf.task import TaskError
from tests import tiny


@pytest.mark.parametrize(
  ('settings', 'name'),
  [
    ({'task': 'shapes', 'supernet': 'tiny', 'seed': 3}, 'shapes-supertickets-tiny-3'),
    ({'task': 'folder:some/place', 'supernet': 'nets/mine.json', 'method': 'dense'}, 'folder_some_place-dense-mine-0'),
  ],
)
def test_the_default_workdir_is_named_by_the_run(settings, name):
  assert drawing.default_workdir(tiny.config(**settings)).as_posix() == f'runs/{name}'


def test_a_task_at_hand_is_not_looked_for():
  task = tiny.task()
  found, config = drawing.prepared(Request.of({'task': 'nowhere', 'epochs': 3}), task)
  assert found is task and (config.epochs, config.task) == (3, 'nowhere')


def test_a_task_says_what_suits_it_and_what_should_be_known(capsys):
  task = tiny.task()
  task.settings, task.notes = {'optimizer': 'adam', 'epochs': 9}, ('2 pictures were left out',)
  _, config = drawing.prepared(Request.of({'epochs': 3}), task)
  assert (config.training.optimizer, config.epochs) == ('adam', 3) and capsys.readouterr().out == '2 pictures were left out\n'


def test_a_task_that_is_not_there_is_named():
  with pytest.raises(TaskError, match="Received: 'cifar1000'. Did you mean cifar100?"):
    drawing.prepared(Request.of({'task': 'cifar1000'}))


def test_a_network_is_the_tasks_own_where_none_is_named_and_none_comes_with_a_ticket():
  task = tiny.task()
  assert drawing.with_supernet(task, tiny.config()).supernet == task.default_supernet
  assert drawing.with_supernet(task, tiny.config(supernet='cifar')).supernet == 'cifar'
  assert drawing.with_supernet(task, tiny.config(init_from='ticket')).supernet == ''


@pytest.mark.parametrize(('settings', 'told'), [({}, True), ({'init_from': 'ticket'}, False), ({'epochs': 200}, False)])
def test_few_steps_are_told_of_trainings_from_the_first_weights_on(settings, told, capsys):
  drawing.tell_of_few_steps(tiny.task(), tiny.config(**settings))
  assert ('training steps; thousands are usual' in capsys.readouterr().out) is told
