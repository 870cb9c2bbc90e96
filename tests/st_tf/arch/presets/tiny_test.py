from tests.st_tf.arch.presets_test import params_and_macs


def test_it_has_the_size_that_its_file_says():
  assert params_and_macs('tiny', 10, 32) == (52_770, 1_500_160)
