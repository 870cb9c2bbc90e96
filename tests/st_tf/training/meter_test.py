import pytest

from st_tf.ticket import TrainingCost
from st_tf.training.meter import STEP_PASSES, Meter
from tests import tiny


def test_a_meter_counts_on_from_what_came_before():
  meter = Meter(examples=100)
  meter.before = TrainingCost(4.0, 1000, 60.0)
  meter.count(50, 700)
  meter.count(0, 300)
  assert meter.total(5.0) == TrainingCost(4.5, 2000, 65.0)
  other = Meter(examples=100)
  other.restore(meter.state())
  assert other.total(5.0) == meter.total(5.0)


def test_a_step_costs_three_passes_of_the_network_as_it_is_now():
  trainer = tiny.trainer(searching=True)
  tiny.train(trainer, 1)
  before = trainer.meter.total(0.0)
  assert before == TrainingCost(tiny.BATCH / tiny.SIZES['train'], tiny.BATCH * STEP_PASSES * trainer.macs)
  alive = {name: values > -1 for name, values in trainer.factors().items()}
  first = next(iter(alive))
  alive[first][: len(alive[first]) // 2] = False
  whole = trainer.macs
  trainer.shrink(alive)
  tiny.train(trainer, 1)
  assert trainer.macs < whole
  assert trainer.meter.total(0.0).macs - before.macs == pytest.approx(tiny.BATCH * STEP_PASSES * trainer.macs)
