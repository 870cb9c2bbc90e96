import pytest

from st_tf.methods import search_only, supertickets
from st_tf.runs.workdir import Workdir
from tests import tiny


@pytest.mark.slow
def test_units_go_as_in_two_in_one_training_and_no_weight_does(tmp_path):
  given = {'target_macs': 0.7, 'search_interval': 0.3, 'minimum_saving': 0.1, 'epochs': 2, 'supernet': str(tiny.SUPERNET)}
  config = tiny.config(method='search_only', sparsity=(0.9,), **given)
  ticket = search_only.METHOD.draw(tiny.task(), config, Workdir(tmp_path / 'run', config))
  assert ticket.sparsity == 0 and not ticket.masks and ticket.cost.macs < ticket.cost.supernet_macs
  same = tiny.config(sparsity=(0.0,), **given)
  assert supertickets.draw(tiny.task(), same, Workdir(tmp_path / 'same', same)).fingerprint == ticket.fingerprint
