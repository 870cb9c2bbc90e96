import numpy as np
import pytest

from st_tf import methods
from st_tf.config import ConfigError
from st_tf.methods import _first_mask as first_mask
from st_tf.pruning import Mask
from st_tf.runs.workdir import Workdir
from tests import tiny


def test_several_sparsities_are_refused():
  with pytest.raises(ConfigError, match=r'--method=snip trains for one sparsity\. Received: --sparsity=0.5,0.9\. Give one'):
    first_mask.plan(tiny.config(method='snip', sparsity=(0.5, 0.9)), 6)


@pytest.mark.parametrize('method', ['snip', 'grasp', 'rigl'])
def test_gradients_that_float16_makes_zero_are_not_ranked(method):
  with pytest.raises(
    ConfigError, match=rf'^{method} ranks by gradients.* Received: --precision=mixed_float16\. Write --precision=mixed_bf'
  ):
    methods.named(method).plan(tiny.config(method=method, precision='mixed_float16'), 6)
  for other, precision in ((method, 'mixed_bfloat16'), ('random', 'mixed_float16')):
    methods.named(other).plan(tiny.config(method=other, precision=precision), 6)


def test_the_mask_is_chosen_once_at_the_first_weights_and_holds(speck, tmp_path):
  config = tiny.config(method='random', sparsity=(0.5,), epochs=1, supernet=str(speck))
  seen = []

  def choose(trainer):
    seen.append(trainer.values())
    return Mask({name: np.arange(weight.shape.num_elements()).reshape(weight.shape) % 2 == 0 for name, weight in weights(trainer).items()})

  weights = first_mask.weights
  ticket = first_mask.draw(tiny.task(), config, Workdir(tmp_path / 'run', config), choose)
  assert len(seen) == 1 and ticket.arch == tiny.SPECK
  for name, mask in ticket.masks.items():
    assert mask.ravel()[::2].all() and not mask.ravel()[1::2].any()
    assert not ticket.weights[name][~mask].any() and (ticket.weights[name][mask] != seen[0][name][mask]).any()
  first_mask.draw(tiny.task(), config, Workdir(tmp_path / 'run', config), choose)
  assert len(seen) == 1


def test_batches_leave_the_network_as_it_was():
  trainer = tiny.trainer(tiny.SPECK, searching=False)
  before = trainer.values()
  with first_mask.first_batches(trainer) as (loss, batches):
    assert len(batches) == 2  # Ten of each of three labels, 16 in a batch.
    assert float(loss(batches[0])) == pytest.approx(1.1, abs=0.3)
    assert any((value != before[name]).any() for name, value in trainer.values().items())
  assert all((value == before[name]).all() for name, value in trainer.values().items())
