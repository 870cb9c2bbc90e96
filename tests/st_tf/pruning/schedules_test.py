"""What holds for every file of the folder."""

import json

import pytest
from tensorflow_model_optimization.python.core.sparsity.keras.pruning_schedule import PolynomialDecay
import tf_keras as keras

from st_tf import plugins
from st_tf.config.groups import PRUNING_SCHEDULES
from st_tf.errors import UserError
from st_tf.pruning import schedules
from st_tf.pruning.schedules._alternating import Alternating

KINDS = [schedules.named(name) for name in PRUNING_SCHEDULES]


def events(schedule, last=60):
  return {step: schedule.sparsity_at(step) for step in range(last) if schedule.is_event(step)}


@pytest.mark.parametrize('kind', KINDS)
def test_the_last_event_has_the_target_even_off_the_beat(kind):
  found = events(kind(0.9, 3, 20, 7))
  assert list(found) == [3, 10, 17, 20] and found[20] == 0.9
  assert list(found.values()) == sorted(found.values())
  assert events(kind(0.9, 5, 5, 3)) == {5: 0.9}


@pytest.mark.parametrize('kind', [*KINDS, Alternating])
def test_a_schedule_survives_json(kind):
  schedule = kind(0.8, 2, 20, 3, ((2, 5), (9, 20)))
  again = schedules.described(json.loads(json.dumps(schedule.get_config())))
  assert type(again) is kind and vars(again) == vars(schedule)


def test_one_of_tfmot_s_own_survives_too_and_an_unknown_one_is_named():
  schedule = PolynomialDecay(0.1, 0.8, 2, 20)
  assert vars(schedules.described(schedule.get_config())) == vars(schedule)
  with pytest.raises(UserError, match=r"A schedule is one of .*Alternating.* Received: 'Sudden'"):
    schedules.described({'class_name': 'Sudden', 'config': {}})


def test_a_schedule_of_one_s_own_is_found_among_the_custom_objects():
  class Sudden(PolynomialDecay):
    def get_config(self):
      return super().get_config() | {'class_name': 'Sudden'}

  schedule = Sudden(0.1, 0.8, 2, 20)
  with keras.saving.custom_object_scope({'Sudden': Sudden}):
    assert type(schedules.described(schedule.get_config())) is Sudden


def test_what_a_method_alone_uses_is_no_choice():
  assert set(PRUNING_SCHEDULES) == {'constant', 'cubic', 'one_shot', 'stepwise'} == set(plugins.names('st_tf.pruning.schedules'))
