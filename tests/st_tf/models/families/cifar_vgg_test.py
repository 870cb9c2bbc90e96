import pytest

from st_tf.arch.specs import HeadSpec, SpecError
from st_tf.models import families

HEAD = HeadSpec('classification', 10)


@pytest.mark.parametrize('depth', [11, 16])
def test_it_has_as_many_layers_as_its_name_says_but_for_two_dense_ones(depth):
  graph = families.supernet(f'cifar_vgg:{depth}', HEAD, (32, 32))
  assert sum(node.kind in ('Conv2D', 'Dense') for node in graph.nodes) == depth - 2
  assert [node.shape for node in graph.nodes if node.kind == 'MaxPooling2D'] == [(16, 16, 64), (8, 8, 128), (4, 4, 256), (2, 2, 512)]
  assert graph['stem/conv'].weights == {'kernel': (3, 3, 3, 64)}


def test_16_is_meant_where_no_depth_is_said_and_images_have_to_be_large_enough():
  assert families.supernet('cifar_vgg', HEAD, (32, 32)) == families.supernet('cifar_vgg:16', HEAD, (32, 32))
  with pytest.raises(SpecError, match='Images have a size that cifar_vgg:11 can read. Received: 8x8'):
    families.supernet('cifar_vgg:11', HEAD, (8, 8))
