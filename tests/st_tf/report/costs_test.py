"""MACs are added up by the part of the network they are in."""

from st_tf.models.cost import LayerCost
from st_tf.report import costs


def test_macs_are_added_up_by_part():
  def layer(name, macs, nonzero):
    return LayerCost(name, macs, macs, nonzero, nonzero)

  layers = [
    layer('stem/conv0', 5, 5),
    layer('stage1/fuse/0to0/k3/expand', 10, 2),
    layer('stage1/branch0/block0/k3/expand', 20, 3),
    layer('stage1/branch1/block0/bn', 0, 0),
    layer('stage1/branch1/block0/k3/expand', 30, 4),
    layer('head/last', 7, 1),
    layer('head/classifier', 2, 2),
  ]
  expected = [('stem', 5, 5), ('stage 1 fuse', 10, 2), ('stage 1 blocks', 50, 7), ('head', 7, 1), ('classifier', 2, 2)]
  assert costs.parts(layers) == expected


def test_the_figure_has_a_bar_per_part():
  figure = costs.macs([LayerCost('stem/conv0', 1, 4, 1, 4), LayerCost('head/classifier', 1, 2, 1, 1)])
  assert [bar.get_width() for bar in figure.axes[0].patches] == [4, 2, 4, 1]


def test_a_network_without_macs_has_no_figure():
  assert costs.macs([LayerCost('stem/bn', 2, 0, 2, 0)]) is None
