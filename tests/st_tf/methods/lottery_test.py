import numpy as np
import pytest

from st_tf.methods import lottery
from st_tf.runs import folder
from st_tf.runs.workdir import Workdir
from st_tf.ticket import Ticket
from tests import tiny


@pytest.mark.slow
def test_a_winning_ticket_of_the_whole_supernet(tmp_path):
  config = tiny.config(method='lottery', sparsity=(0.5,), epochs=2, prune_rounds=2, supernet=str(tiny.SUPERNET))
  workdir = Workdir(tmp_path / 'run', config)
  ticket = lottery.METHOD.draw(tiny.task(), config, workdir)
  assert ticket.arch == tiny.ARCH and ticket.cost.zeros == int(0.5 * ticket.cost.prunable)
  stages = sorted(path.name.split('-')[0] for path in (workdir.path / 'stages').iterdir())
  assert stages == ['dense', 'fine_tune', 'fine_tune'] and len(list(workdir.tickets())) == 1
  (first,) = (workdir.path / 'stages').glob('dense-*')
  kept = folder.early(first)
  assert ticket.early.step == 1 and kept.keys() == ticket.early.values.keys()
  assert all(np.array_equal(value, ticket.early.values[name]) for name, value in kept.items())
  assert Ticket.load(workdir.ticket_path(0.5)).early.step == 1
  assert not lottery.METHOD.plan(config, 6).search_every
