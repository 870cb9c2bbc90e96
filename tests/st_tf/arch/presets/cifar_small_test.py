from tests.st_tf.arch.presets_test import params_and_macs


def test_it_has_the_size_that_its_file_says():
  assert params_and_macs('cifar_small', 100, 32) == (322_516, 13_650_688)
