"""What holds for every file of the folder."""

import math

import pytest

from st_tf.arch.presets import PRESETS, supernet, to_text
from st_tf.arch.specs import HeadSpec, SpecError, layout


def params_and_macs(name: str, classes: int, side: int) -> tuple[int, int]:
  """Of a preset under a classification head: (parameters, MACs), by arithmetic on its blocks."""
  arch = PRESETS[name]
  params = macs = 0

  def convolution(fan_in: int, filters: int, side: int, norm: bool = True) -> None:
    nonlocal params, macs
    params += fan_in * filters + 2 * filters * norm
    macs += fan_in * filters * side * side

  sides = [math.ceil(side / arch.input_stride / 2**branch) for branch in range(len(arch.stages[-1].channels))]
  convolution(3 * 9, arch.stem_channels[0], math.ceil(side / min(arch.input_stride, 2)))
  if arch.separable_stem:
    convolution(9, arch.stem_channels[0], sides[0])
  convolution(arch.stem_channels[0] * (1 if arch.separable_stem else 9), arch.stem_channels[1], sides[0])
  for block in layout(arch, HeadSpec('classification', classes)):
    place = block.name.split('/')
    source = int(place[-1][0]) if place[1] == 'fuse' else int((place[1])[-1])
    before, after = sides[source], math.ceil(sides[source] / block.stride)
    for size, units in block.spec.kernels:
      convolution(block.in_channels, units, before)
      convolution(size * size, units, after)
      convolution(units, block.out_channels, after, norm=False)
    params += 2 * block.out_channels
    if not block.keeps_shape:
      groups = math.gcd(block.in_channels, block.out_channels)
      convolution(block.in_channels // groups, block.out_channels, after, norm=False)
  convolution(arch.head_channels[-1], arch.last_channel, sides[-1])
  return params + (arch.last_channel + 1) * classes, macs + arch.last_channel * classes


@pytest.mark.parametrize('name', PRESETS)
def test_a_preset_builds_for_both_heads_and_survives_a_file(name, tmp_path):
  for kind in ('classification', 'dense'):
    assert layout(PRESETS[name], HeadSpec(kind, 7))
  path = tmp_path / f'{name}.json'
  path.write_text(to_text(PRESETS[name]))
  assert supernet(str(path)) == supernet(name) == PRESETS[name]


def test_an_unknown_preset_names_the_nearest_and_all():
  with pytest.raises(SpecError, match=r"cifar, .*hrnas.*Received: 'hrnsa'\. Did you mean hrnas\?"):
    supernet('hrnsa')


def test_a_file_that_is_missing_unreadable_or_no_network_is_named(tmp_path):
  with pytest.raises(SpecError, match='gone.json'):
    supernet(str(tmp_path / 'gone.json'))
  with pytest.raises(SpecError, match='folder.json'):
    (tmp_path / 'folder.json').mkdir()
    supernet(str(tmp_path / 'folder.json'))
  for content in (b'{', b'{"stages": []}', b'\xff\xfe\x00'):
    (tmp_path / 'bad.json').write_bytes(content)
    with pytest.raises(SpecError, match='bad.json'):
      supernet(str(tmp_path / 'bad.json'))
