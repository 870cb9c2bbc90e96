import pytest

from st_tf.methods import snip
from st_tf.workdir import Workdir
from tests import tiny


@pytest.mark.slow
def test_a_ticket_of_the_sparsity_that_was_asked_for(tmp_path):
  config = tiny.config(method='snip', sparsity=(0.75,), epochs=1, supernet=str(tiny.SUPERNET))
  ticket = snip.draw(tiny.task(), config, Workdir(tmp_path / 'run', config))
  assert ticket.arch == tiny.ARCH and ticket.sparsity == 0.75
  assert ticket.cost['zeros'] == int(0.75 * ticket.cost['prunable']) and all(mask.any() for mask in ticket.masks.values())
