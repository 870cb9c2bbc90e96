from st_tf.arch.presets import hrnas, hrnas_coco


def test_it_is_the_body_of_hrnas_with_a_smaller_end():
  assert hrnas_coco.ARCH.stages == hrnas.ARCH.stages and hrnas_coco.ARCH.last_channel == 90 < hrnas.ARCH.last_channel
  assert (hrnas_coco.ARCH.bn_momentum, hrnas_coco.ARCH.bn_epsilon) == (0.9, 1e-5)
