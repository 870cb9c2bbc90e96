import pytest

from st_tf.config import ConfigError
from st_tf.methods._lottery import lottery
from tests import tiny


def test_with_a_search_its_settings_are_read_too():
  assert set(lottery(True).reads) - set(lottery(False).reads) >= {'target_macs', 'penalty', 'search_end'}
  assert (lottery(False).first, lottery(True).first) == ('dense', 'search_only')


@pytest.mark.parametrize('searches', [False, True])
def test_a_moment_that_no_round_can_go_back_to_is_refused_before_the_first_training(searches):
  config = tiny.config(epochs=4, rewind_to=0.9, retrain_epochs=1, target_macs=0.7)
  with pytest.raises(ConfigError, match='Received: --rewind_to at step 22'):
    lottery(searches).plan(config, tiny.STEPS_PER_EPOCH)
