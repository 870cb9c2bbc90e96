"""The table of docs/channels.md: what can be searched in the classification networks of tf_keras.applications.

python -m benchmarks.channel_groups
"""

import tf_keras as keras

from st_tf.models.graph import graph_of
from st_tf.search.analysis import analyse
from st_tf.search.channels import ChannelGroup, Channels

NAMES = (
  'ConvNeXtTiny', 'DenseNet121', 'EfficientNetB0', 'EfficientNetV2B0', 'InceptionResNetV2', 'InceptionV3', 'MobileNet', 'MobileNetV2',
  'MobileNetV3Large', 'MobileNetV3Small', 'NASNetMobile', 'RegNetX002', 'RegNetY002', 'ResNet50', 'ResNet50V2', 'ResNetRS50', 'VGG16',
  'Xception',
)  # fmt: skip
_SIZE = 224


def share(channels: Channels, groups: tuple[ChannelGroup, ...]) -> float:
  """Share of the MACs that lie in layers with units of these groups."""
  units = {int(unit) for group in groups for unit in group.ids}
  touched = (kernel for kernel in channels.kernels if any(not units.isdisjoint(ids.tolist()) for ids in kernel.axes.values()))
  return sum(kernel.macs() for kernel in touched) / channels.macs()


def main() -> None:
  print('| network | MACs at 224 pixels | groups without a skip: units | MACs in their layers | with skips | held by |')
  print('|---|---|---|---|---|---|')
  for name in NAMES:
    keras.backend.clear_session()
    model = getattr(keras.applications, name)(weights=None, input_shape=(_SIZE, _SIZE, 3), classifier_activation=None)
    channels = analyse(graph_of(model))
    free, all_free = channels.searchable(), channels.searchable(residual=True)
    kinds = {channels.graph[layer].kind for group in channels.groups for layer in group.held_by if layer not in ('input', 'output')}
    units = f'{len(free)}: {sum(group.units for group in free):,}'
    print(
      f'| {name} | {channels.macs() / 1e6:,.0f} M | {units} | {share(channels, free):.0%} | {share(channels, all_free):.0%}'
      f' | {", ".join(sorted(kinds)) or "input and output only"} |'
    )


if __name__ == '__main__':
  main()
