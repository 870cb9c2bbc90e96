"""What a moved ticket is compared with."""

from st_tf.api import controls
from tests import tiny


def test_the_comparison_names_every_row():
  row = {'metric': 'miou', 'validation': {'miou': 0.5}, 'test': {'miou': 0.25}, 'sparsity': 0.837, 'nonzero_macs': 1234}
  found = list(controls.lines({'none': row, 'drawn_here': row}, 'a -> b'))
  assert found[1] == 'a -> b' and found[3].split() == ['the', 'ticket', '50.0%', '25.0%', '83.7%', '1,234']
  assert found[4].startswith('a ticket drawn on this task') and 'mean IoU' in found[2]


def test_random_weights_are_not_those_that_a_run_began_with():
  config = tiny.config(rewind=True)
  assert not controls.exchanged(config, 'random_weights').transfer.rewind and controls.exchanged(config, 'dense_body').transfer.rewind
