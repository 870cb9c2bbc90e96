from st_tf.arch.presets import mobile
from tests.st_tf.arch.presets_test import params_and_macs

# Kernel, activation and resize that sparse mobile inference runs.
SPARSE_KERNELS = {3, 5}
SPARSE_ACTIVATIONS = {'relu', 'relu6', 'hard_swish'}


def test_it_has_the_size_that_its_file_says():
  assert params_and_macs('mobile', 100, 128) == (1_571_652, 110_542_592)


def test_it_asks_only_for_what_sparse_mobile_inference_runs():
  arch = mobile.ARCH
  assert set(arch.kernels) <= SPARSE_KERNELS
  assert arch.activation in SPARSE_ACTIVATIONS
  assert arch.upsampling == 'bilinear'
  assert arch.input_stride > 1 and arch.separable_stem
