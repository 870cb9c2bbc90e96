from st_tf.arch.presets import hrnas, hrnas_cityscapes


def test_it_is_the_body_of_hrnas_with_a_smaller_end():
  assert hrnas_cityscapes.ARCH.stages == hrnas.ARCH.stages and hrnas_cityscapes.ARCH.last_channel == 90 < hrnas.ARCH.last_channel
