import pytest

from st_tf.arch.specs import HeadSpec, SpecError
from st_tf.models import cost, families, starts
from st_tf.models.graph import build_graph, graph_of

HEAD = HeadSpec('classification', 10)


@pytest.mark.parametrize(
  ('depth', 'parameters'),
  # Of the paper's table 6 in millions, with what the 1x1 convolutions beside the first blocks of two stages have and the paper has not:
  # 16 * 32 + 32 * 64 weights and 4 * (32 + 64) of norms, of which half are statistics.
  [(20, 0.27), pytest.param(32, 0.46, marks=pytest.mark.slow), pytest.param(44, 0.66, marks=pytest.mark.slow)],
)
def test_it_has_as_many_parameters_as_published(depth, parameters):
  graph = families.supernet(f'cifar_resnet:{depth}', HEAD, (32, 32))
  kernels = [node for node in graph.nodes if node.kind in ('Conv2D', 'Dense') and not node.layer.endswith('/skip')]
  assert len(kernels) == depth
  found = cost.of(build_graph(graph))
  assert round((found.params - (16 * 32 + 32 * 64) - 2 * (32 + 64)) / 1e6, 2) == parameters


def test_stages_halve_the_maps_and_double_the_channels_and_padding_is_alike_on_all_sides():
  begun = starts.start('cifar_resnet:14', '', '', HEAD, (32, 32))
  ends = [begun.graph[f'stage{stage}/block1/act1'].shape for stage in (1, 2, 3)]
  assert ends == [(32, 32, 16), (16, 16, 32), (8, 8, 64)] and not begun.values and not begun.notes
  assert graph_of(build_graph(begun.graph)) == begun.graph


def test_other_depths_and_weights_that_nobody_has_are_refused():
  with pytest.raises(SpecError, match=r'cifar_resnet has the depths 8, 14, 20, .* Received: --supernet=cifar_resnet:18. Write for example'):
    families.named('cifar_resnet:18')
  with pytest.raises(SpecError, match='cifar_resnet has a depth. Received: --supernet=cifar_resnet:20:1. Leave out what follows'):
    families.named('cifar_resnet:20:1')
  for weights in ('imagenet', 'file.npz'):
    with pytest.raises(SpecError, match=f'begins with random ones. Received: --weights={weights}. Leave it out'):
      starts.check('cifar_resnet:20', weights, '')
  assert starts.located('cifar_resnet', '', (32, 32)) == 'none'
