from tests.st_tf.arch.presets_test import params_and_macs


def test_it_has_the_parameters_and_macs_of_the_papers_supernet():
  assert params_and_macs('hrnas', 1000, 224) == (13_243_868, 2_422_799_760)
