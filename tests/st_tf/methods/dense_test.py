import numpy as np

from st_tf.methods import dense
from tests import tiny


def test_the_dense_ticket_keeps_everything_whatever_the_sparsity_asked_of_other_methods(tmp_path):
  ticket, workdir = tiny.draw(tmp_path / 'run', tiny.SPECK, method='dense', epochs=2, penalty=5.0, target_macs=0.5, sparsity=(0.9,))
  assert {row['event'] for row in workdir.history.rows()} == {'epoch', 'ticket'}
  assert ticket.sparsity == 0.0 and ticket.masks == {} and ticket.arch == ticket.supernet == tiny.SPECK
  assert ticket.cost.nonzero_macs == ticket.cost.macs == ticket.cost.supernet_macs and ticket.cost.zeros == 0
  assert all(np.all(value != 0) for name, value in ticket.weights.items() if name.endswith('/kernel'))
  assert workdir.ticket_path(0.0).is_dir()


def test_without_averages_the_weights_themselves_are_evaluated(tmp_path):
  ticket, _ = tiny.draw(tmp_path / 'run', tiny.SPECK, method='dense', epochs=1, ema_decay=0.0, recalibration_batches=0)
  assert 0 <= ticket.metrics['validation']['top1'] <= 1


def test_settings_of_search_and_pruning_cannot_contradict_what_it_does_not_do():
  found = dense.METHOD.plan(tiny.config(method='dense', target_macs=0.5, prune_end=0.3, search_end=0.6), tiny.STEPS_PER_EPOCH)
  assert found.pruning is None and found.search_every == 0
