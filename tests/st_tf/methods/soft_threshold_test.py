import numpy as np
import pytest

from st_tf.methods import soft_threshold
from st_tf.pruning import Cubic
from st_tf.runs.workdir import Workdir
from tests import tiny


def test_it_stays_as_published_whatever_the_settings_of_the_joint_method_are():
  given = tiny.config(method='soft_threshold', reactivation='masked', ranking='lamp', unit_slope=True, prune_skip=False)
  pruning = soft_threshold._published(given).pruning
  assert (pruning.reactivation, pruning.ranking, pruning.unit_slope) == ('soft_threshold', 'global', False)
  assert not pruning.prune_skip and pruning.sparsity == given.pruning.sparsity


@pytest.mark.slow
def test_the_supernet_is_pruned_and_not_searched(tmp_path):
  config = tiny.config(
    method='soft_threshold', sparsity=(0.5, 0.8), epochs=2, target_macs=0.5, reactivation='masked', pruning_schedule='stepwise'
  )
  config = tiny.config(**config.flat() | {'supernet': str(tiny.SUPERNET)})
  assert isinstance(soft_threshold.plan(config, 6).pruning, Cubic) and not soft_threshold.plan(config, 6).search_every
  workdir = Workdir(tmp_path / 'run', config)
  ticket = soft_threshold.draw(tiny.task(), config, workdir)
  assert ticket.arch == tiny.ARCH and ticket.cost.zeros == int(0.8 * ticket.cost.prunable) and len(list(workdir.tickets())) == 2
  assert any(row['returned'] for row in workdir.history.rows() if row['event'] == 'prune')
  assert all(np.isfinite(value).all() for value in ticket.weights.values())
