from st_tf.arch.presets import mobile, mobile_dense


def test_it_is_the_body_of_mobile_with_a_smaller_end():
  assert mobile_dense.ARCH.stages == mobile.ARCH.stages and mobile_dense.ARCH.last_channel == 64 < mobile.ARCH.last_channel
