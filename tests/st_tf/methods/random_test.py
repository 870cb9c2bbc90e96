import numpy as np
import pytest

from st_tf.methods import random
from st_tf.runs.workdir import Workdir
from tests import tiny


def test_a_ticket_of_the_sparsity_that_was_asked_for(speck, tmp_path):
  config = tiny.config(method='random', sparsity=(0.75,), epochs=1, supernet=str(speck))
  ticket = random.draw(tiny.task(), config, Workdir(tmp_path / 'run', config))
  assert ticket.arch == tiny.SPECK and ticket.sparsity == 0.75
  assert ticket.cost.zeros == int(0.75 * ticket.cost.prunable) and all(mask.any() for mask in ticket.masks.values())


@pytest.mark.parametrize('ranking', ['layer', 'macs'])
def test_the_ranking_says_what_each_layer_keeps(ranking, monkeypatch):
  trainer = tiny.trainer(tiny.SPECK, sparsity=(0.75,), ranking=ranking)
  mask = random._mask(trainer)
  assert mask.sparsity == pytest.approx(0.75, abs=0.01)
  shares = {name: kept.mean() for name, kept in mask.items()}
  even = all(np.ceil(0.25 * kept.size) - 1 <= kept.sum() <= np.ceil(0.25 * kept.size) for kept in mask.values())
  assert even == (ranking == 'layer'), shares
