"""The widths of a trained network as keras-tuner tries them; what its trainings share with presets is in the tuner's tests."""

import numpy as np
import pytest

from st_tf.api import drawing
from st_tf.config import ConfigError
from st_tf.methods._widths import Widths
from st_tf.models import build, cost, named_variables, starts
from st_tf.runs.start import fresh
from st_tf.search import moments
from st_tf.search.analysis import analyse
from st_tf.training.plan import training_alone
from tests import tiny


@pytest.fixture(scope='module')
def prepared(trained_file):
  return drawing.prepared(tiny.of_file(trained_file, method='tuner', target_macs=0.6), tiny.task())


@pytest.fixture(scope='module')
def space(prepared):
  return Widths.of(*prepared)


def group_ids(space):
  (group,) = (group for group in analyse(space.supernet).groups if group.name == 'expand0')
  return group.ids.tolist()


def test_each_channel_group_is_a_choice_of_which_it_keeps_a_unit_at_least(space):
  assert [group.name for group in space.groups] == ['expand0']  # What only the new last layer reads has no scores.
  assert [choice.values for choice in space.hyperparameters().space] == [[0.25, 0.5, 0.75, 1.0]]
  assert space.least == space.macs_of({'expand0': 1}) > 0


def test_macs_are_those_of_the_networks_built_and_keep_to_the_bound(space):
  assert space.bound == 0.6 * space.macs == 0.6 * space.macs_of({'expand0': 16})
  for share, units in ((0.25, 4), (1.0, 6)):  # 16 units are scaled down to 6.
    left = space.left({'expand0': share})
    ticket = space.untrained(left)
    assert left == {'expand0': units} and space.macs_of(left) <= space.bound
    assert cost.of(build(ticket.arch, ticket.head, ticket.input_shape)).macs == space.macs_of(left)
  assert space.macs_of({'expand0': 8}) > space.bound


def test_the_best_units_by_their_scores_are_kept_with_their_trained_weights(prepared, space):
  task, config = prepared
  assert not np.array_equal(space.order['expand0'], np.arange(16))
  ticket = space.untrained({'expand0': 5})
  assert ticket.survivors == {'expand0': sorted(space.order['expand0'][:5].tolist())}
  whole = starts.start(config.supernet, '', config.pixels, task.head, task.image_size).values
  np.testing.assert_array_equal(ticket.weights['expand0/kernel'], whole['expand0/kernel'][..., ticket.survivors['expand0']])
  # What reads the units has taken over from those that are gone.
  (project,) = (kernel for kernel in analyse(space.supernet).kernels if set(kernel.axes.get(kernel.reads, ())) & set(group_ids(space)))
  taken, kept = ticket.weights[project.name], np.take(whole[project.name], ticket.survivors['expand0'], project.reads)
  assert taken.shape == kept.shape and not np.array_equal(taken, kept)
  assert 'head/classifier/kernel' not in ticket.weights  # It has three outputs in the place of five.
  assert ticket.fingerprint != space.untrained({'expand0': 6}).fingerprint
  trainer = fresh(task, config, training_alone(config, tiny.STEPS_PER_EPOCH), ticket)
  space.begin(trainer, ticket)
  assert {name.partition('/kernel')[0] for name in trainer.untrained} == {'head/classifier'}
  assert all(np.array_equal(trainer.values()[name], value) for name, value in ticket.weights.items())
  assert analyse(trainer.arch).macs() == trainer.macs == space.macs_of({'expand0': 5})


def test_what_scoring_has_cost_counts(space):
  assert (space.spent.epochs, space.spent.macs) == (1.0, tiny.SIZES['train'] * (space.macs + moments.macs(space.supernet)))


def test_of_a_network_without_weights_the_first_units_are_kept(trained_file):
  task, config = drawing.prepared(tiny.of_file(trained_file, method='tuner', weights='none'), tiny.task())
  space = Widths.of(task, config)
  assert all(np.array_equal(order, np.arange(len(order))) for order in space.order.values())
  assert space.spent.macs == 0 and not space.values and {group.name for group in space.groups} == {'expand0', 'maps'}
  ticket = space.untrained({group.name: 2 for group in space.groups})
  assert ticket.survivors == {'expand0': [0, 1], 'maps': [0, 1]} and not ticket.weights


def test_a_bound_below_the_smallest_network_leaves_none(trained_file):
  task, config = drawing.prepared(tiny.of_file(trained_file, method='tuner', target_macs=100.0), tiny.task())
  assert Widths.of(task, config).left({'expand0': 0.25}) is None


def test_a_network_without_units_has_nothing_to_search(tmp_path):
  import tf_keras as keras

  image = keras.Input((tiny.SIDE, tiny.SIDE, 3))
  outputs = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(image)))
  keras.Model(image, outputs).save(tmp_path / 'plain.keras')
  task, config = drawing.prepared(tiny.of_file(tmp_path / 'plain.keras', method='tuner'), tiny.task())
  with pytest.raises(ConfigError, match='A search needs units. Received: a network without any'):
    Widths.of(task, config)


def test_variables_of_a_part_fit_it(space):
  ticket = space.untrained({'expand0': 3})
  shapes = {name: tuple(variable.shape) for name, variable in named_variables(build(ticket.arch, ticket.head, ticket.input_shape)).items()}
  assert all(shapes[name] == value.shape for name, value in ticket.weights.items())
