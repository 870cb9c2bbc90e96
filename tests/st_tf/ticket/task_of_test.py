"""A ticket finds its task again; the command that scores it is tested in evaluate_test."""

import dataclasses
import types

import numpy as np
import pytest

from st_tf.task import DataConfig, TaskError
from st_tf.ticket import Provenance, TicketError, task_of


def test_images_are_normalised_as_the_ticket_was_trained(tiny_ticket):
  task = types.SimpleNamespace(mean=(0.5, 0.5, 0.5), deviation=(0.5, 0.25, 0.5))
  trained = dataclasses.replace(tiny_ticket.task, mean=(0.5, 0.25, 0.0), deviation=(0.5, 0.5, 0.25))
  scale, shift = task_of.renormalisation(task, trained)
  pixels = np.float32([0.5, 0.75, 1.0])
  normalised = (pixels - 0.5) / np.float32([0.5, 0.25, 0.5])
  np.testing.assert_allclose(normalised * scale + shift, [0, 1, 4])


def test_its_own_task_has_its_data_settings_and_another_has_its_own(tiny_ticket, shapes, monkeypatch):
  asked = []
  monkeypatch.setattr(task_of.tasks, 'load', lambda *arguments: asked.append(arguments) or shapes)
  ticket = dataclasses.replace(tiny_ticket, provenance=Provenance(config={'task': 'shapes', 'data_seed': 7, 'epochs': 3}))
  task_of.task_of(ticket, {'data_dir': 'here'})
  task_of.task_of(ticket, {}, 'folder:x')
  assert asked == [('shapes', DataConfig(data_dir='here', data_seed=7, image_size=32)), ('folder:x', DataConfig(image_size=32))]


def test_other_labels_are_refused(tiny_ticket, shapes, monkeypatch):
  monkeypatch.setattr(task_of.tasks, 'load', lambda *arguments: shapes)
  other = dataclasses.replace(tiny_ticket, task=dataclasses.replace(tiny_ticket.task, labels=tuple('abcdefghij')))
  said = "Received: without 'a', 'b', 'c', 'd' and more and with also 'arrow', 'circle', 'crescent', 'cross' and more, from shapes"
  with pytest.raises(TicketError, match=f'A ticket is scored on the labels it was trained for, those of shapes. {said}'):
    task_of.task_of(other, {})
  for labels, received in ((shapes.labels[::-1], 'the same in another order'), ((*shapes.labels, 'hat'), "without 'hat'")):
    other = dataclasses.replace(tiny_ticket, task=dataclasses.replace(tiny_ticket.task, labels=tuple(labels)))
    with pytest.raises(TicketError, match=f'Received: {received}, from shapes'):
      task_of.task_of(other, {})


def test_a_ticket_brings_no_code_and_takes_the_users(tiny_ticket, shapes, monkeypatch):
  asked = []
  monkeypatch.setattr(task_of.tasks, 'load', lambda name, config: asked.append(name) or shapes)
  ticket = dataclasses.replace(tiny_ticket, task=dataclasses.replace(tiny_ticket.task, name='module:evil'))
  with pytest.raises(TaskError, match=r'A ticket is data, and brings no code\. Received: .* module:evil\. .* --task=module:evil\.'):
    task_of.task_of(ticket, {})
  assert not asked
  task_of.task_of(ticket, {}, 'module:evil')
  assert asked == ['module:evil']
