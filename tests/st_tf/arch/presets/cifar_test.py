from st_tf.arch.presets import cifar
from tests.st_tf.arch.presets_test import params_and_macs


def test_it_has_three_resolutions_and_the_size_that_its_file_says():
  assert len(cifar.ARCH.stages[-1].channels) == 3
  assert params_and_macs('cifar', 100, 32) == (663_484, 28_400_128)
