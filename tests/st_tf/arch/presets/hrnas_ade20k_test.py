from st_tf.arch.presets import hrnas, hrnas_ade20k


def test_it_is_the_body_of_hrnas_with_a_smaller_end():
  assert hrnas_ade20k.ARCH.stages == hrnas.ARCH.stages and hrnas_ade20k.ARCH.last_channel == 180 < hrnas.ARCH.last_channel
