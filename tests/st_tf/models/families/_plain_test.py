import tf_keras as keras

from st_tf.models.families import PIXELS
from st_tf.models.families._plain import convolved, normed, untrained


def test_a_stride_of_2_is_padded_alike_on_all_sides():
  image = keras.Input((8, 8, 3))
  x = convolved(image, 4, 'a', 2)
  assert tuple(x.shape[1:]) == (4, 4, 4) and isinstance(x.node.layer, keras.layers.Conv2D) and x.node.layer.padding == 'valid'
  assert tuple(convolved(image, 4, 'b').shape[1:3]) == (8, 8) == tuple(normed(image, 'c').shape[1:3])
  assert tuple(convolved(image, 4, 'd', 2, size=1).shape[1:]) == (4, 4, 4)


def test_it_has_no_files_of_weights():
  family = untrained(lambda image: image, 'signed')
  assert family.suffixes == () and family.published is None and (family.mean, family.deviation) == PIXELS['signed'] and family.dropout == 0
