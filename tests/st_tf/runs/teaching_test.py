import dataclasses

import numpy as np
import pytest
import tf_keras as keras

from st_tf.arch.specs import SpecError
from st_tf.config import ConfigError
from st_tf.runs.start import fresh
from st_tf.runs.teaching import teacher
from st_tf.ticket import TicketError
from st_tf.training.meter import STEP_PASSES
from st_tf.training.plan import Plan
from tests import networks, tiny


def network(outputs: int) -> keras.Model:
  image = keras.Input((tiny.SIDE, tiny.SIDE, 3))
  x = keras.layers.ReLU()(keras.layers.Conv2D(4, 3, padding='same')(image))
  model = keras.Model(image, keras.layers.Dense(outputs, 'softmax')(keras.layers.GlobalAveragePooling2D()(x)))
  return networks.stirred(model, np.random.default_rng(0))


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
  """{outputs: file of a small trained network}."""
  folder = tmp_path_factory.mktemp('teachers')
  for outputs in (3, 5):
    network(outputs).save(folder / f'{outputs}.keras')
  return {outputs: str(folder / f'{outputs}.keras') for outputs in (3, 5)}


@pytest.fixture(scope='module')
def ticket(tmp_path_factory):
  """(a ticket of the task, its folder)."""
  folder, drawn = tmp_path_factory.mktemp('ticket') / 'ticket', tiny.untrained(tiny.task())
  drawn.save(folder)
  return drawn, str(folder)


def config(**settings):
  return tiny.config(**{'pixels': 'signed', 'teacher_pixels': 'signed'} | settings)


def images() -> np.ndarray:
  return next(iter(tiny.task().dataset('validation', 4)))[0].numpy()


def test_no_one_teaches_unless_asked():
  assert teacher(tiny.task(), config()) is None


def test_a_ticket_teaches_what_it_says_itself(ticket):
  drawn, folder = ticket
  found = teacher(tiny.task(), config(teacher=folder))
  assert found.source == drawn.fingerprint
  np.testing.assert_allclose(found(images(), tiny.task().normalisation), drawn.build_model(raw=True)(images()), atol=1e-5)


def test_a_file_and_a_start_with_the_outputs_of_the_task_teach_their_logits(saved):
  task = tiny.task()
  pixels = task.normalisation.onto(dataclasses.replace(task.normalisation, mean=(0.5,) * 3, deviation=(0.5,) * 3))(images())
  expected = network(3)(pixels)
  for name in ({'teacher': saved[3]}, {'teacher': 'start', 'supernet': f'keras:{saved[3]}'}):
    outputs = teacher(task, config(**name))(images(), task.normalisation)
    np.testing.assert_allclose(keras.activations.softmax(outputs), expected, atol=1e-5)


def test_what_cannot_teach_is_refused(saved, ticket, tmp_path):
  drawn, _ = ticket
  for changes, message in (
    (
      {'task': dataclasses.replace(drawn.task, labels=('a', 'b', 'c'))},
      r'knows the labels of module:tests.tiny, in their order\. .* a, b, c of',
    ),
    ({'input_shape': (16, 16, 3)}, r'sees the images of the run, 8x8 pixels\. .* for 16x16\. Change --image_size\.'),
  ):
    dataclasses.replace(drawn, **changes).save(tmp_path / 'other')
    with pytest.raises(ConfigError, match=message):
      teacher(tiny.task(), config(teacher=str(tmp_path / 'other')))
  with pytest.raises(ConfigError, match=r'its last layer included\. .* other outputs than the 3 .* --method=dense'):
    teacher(tiny.task(), config(teacher=saved[5]))
  with pytest.raises(ConfigError, match=r'last layer is not trained\. Train it with --method=dense'):
    teacher(tiny.task(), config(teacher='start', supernet=f'keras:{saved[5]}'))
  with pytest.raises(ConfigError, match=r'start is a network by name or by file\. Received: --supernet='):
    teacher(tiny.task(), config(teacher='start', supernet='tiny'))
  with pytest.raises(ConfigError, match=r'begins with\. Received: --init_from=.*\. Give it as --teacher\.'):
    teacher(tiny.task(), config(teacher='start', init_from='ticket'))
  with pytest.raises((SpecError, TicketError), match='which does not exist'):
    teacher(tiny.task(), config(teacher=str(tmp_path / 'nothing')))


@pytest.mark.slow
def test_a_run_learns_from_its_teacher_and_pays_for_it(ticket):
  drawn, folder = ticket
  losses = {}
  for share in (0.5, 1.0):
    settings = config(teacher=folder, teacher_share=share, supernet='tiny', label_smoothing=0.0, learning_rate=0.01)
    task, plan = tiny.task(), Plan.of(settings, tiny.STEPS_PER_EPOCH)
    trainer = fresh(task, settings, plan)
    before = trainer.values()
    (picture, target), *_ = tiny.batches(trainer)
    outputs = trainer.model(picture, training=True)
    taught = drawn.build_model(raw=True)(picture, training=False)
    trainer.network.give(before)
    losses[share] = float(trainer.train(picture, target, 0.0, 0.0)[0])
    own = float(np.mean(task.loss(target, outputs)))
    apart = float(np.mean(keras.losses.kl_divergence(keras.activations.softmax(taught), keras.activations.softmax(outputs))))
    assert losses[share] == pytest.approx((1 - share) * own + share * apart, rel=1e-4)
    cost = trainer.meter.total(0.0).macs
    assert cost == tiny.BATCH * (STEP_PASSES * trainer.macs + drawn.count().macs)
