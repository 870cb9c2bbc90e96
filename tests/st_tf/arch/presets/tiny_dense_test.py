from st_tf.arch.presets import tiny, tiny_dense


def test_it_is_the_body_of_tiny_with_a_smaller_end():
  assert tiny_dense.ARCH.stages == tiny.ARCH.stages and tiny_dense.ARCH.last_channel == 32 < tiny.ARCH.last_channel
