import pytest

from st_tf.methods import synflow
from st_tf.runs.workdir import Workdir
from tests import tiny


@pytest.mark.slow
def test_a_ticket_of_the_sparsity_that_was_asked_for(tmp_path):
  config = tiny.config(method='synflow', sparsity=(0.75,), epochs=1, supernet=str(tiny.SUPERNET))
  ticket = synflow.draw(tiny.task(), config, Workdir(tmp_path / 'run', config))
  assert ticket.arch == tiny.ARCH and ticket.sparsity == 0.75
  assert ticket.cost.zeros == int(0.75 * ticket.cost.prunable) and all(mask.any() for mask in ticket.masks.values())
  # A hundred gradients of one input of ones.
  assert ticket.provenance.training.macs == 3 * ticket.cost.macs * (tiny.SIZES['train'] + 100)
