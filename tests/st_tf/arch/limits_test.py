import dataclasses
import time

import pytest

from st_tf.arch import limits, presets
from st_tf.arch.specs import ArchSpec, HeadSpec, SpecError, StageSpec
from tests import tiny

HEAD = HeadSpec('classification', 10)
TINY = presets.PRESETS['tiny']


def test_a_layer_is_counted_by_its_weights_and_where_they_are_multiplied():
  size = limits.Size()
  size.add(27, 16, 48)
  size.add(10, 1, 10)
  assert (size.params, size.macs, size.outputs, size.memory) == (37, 442, 58, 16 * 37 + 3 * 58)


@pytest.mark.parametrize(
  ('config', 'weights'),
  [
    ({'filters': 8, 'kernel_size': [3, 3], 'strides': [2, 2]}, 3 * 8 * 9),
    ({'units': 10}, 30),
    ({'kernel_size': [5, 5], 'depth_multiplier': 1}, 75),
    ({'axis': [3], 'epsilon': 1e-3}, 12),
    ({}, 12),
  ],
)
def test_a_layer_of_keras_has_at_most_so_many_weights(config, weights):
  assert limits.layer_weights(config, 3) == weights


@pytest.mark.parametrize('name', sorted(presets.PRESETS))
def test_every_preset_can_be_built(name):
  arch = presets.PRESETS[name]
  head = HEAD if arch.head_channels else HeadSpec('dense', 150)
  limits.check(arch, head, (512, 512, 3))


@pytest.mark.parametrize(
  'change',
  [
    {'stages': (StageSpec((1,), (10**9,)),)},
    {'stages': (StageSpec((1,), (10**5,)),)},
    {'expansion': 10**9},
    {'kernels': (3, 10_001)},
    {'stem_channels': (10**12, 8)},
    {'last_channel': 10**10},
    {'tokens': 0, 'head_channels': (10**8,)},
  ],
)
def test_networks_that_nobody_can_build_are_refused_at_once(change):
  arch = dataclasses.replace(tiny.ARCH, stages=(StageSpec((1,), (8,)),), head_channels=(8,))
  started = time.process_time()
  with pytest.raises(SpecError, match=r'A network has at most 1,000,000,000 parameters.* Received: about .* at 32x32 pixels\. Take fewer'):
    limits.check(dataclasses.replace(arch, **change), HEAD, (32, 32, 3))
  assert time.process_time() - started < 1


def test_images_that_are_too_large_are_refused_too(monkeypatch):
  with pytest.raises(SpecError, match='at 200000x200000 pixels'):
    limits.check(TINY, HEAD, (200_000, 200_000, 3))
  limits.check(TINY, HEAD, (64, 64, 3))
  monkeypatch.setattr(limits, 'machine_memory', lambda: 10**6)
  with pytest.raises(SpecError, match=r'the memory of this machine, 0\.001 GB'):
    limits.check(TINY, HEAD, (64, 64, 3))


@pytest.mark.parametrize('stages', [(StageSpec((10**9,), (8,)),), tuple(StageSpec((1,), (8,)) for _ in range(3000))])
def test_blocks_that_nobody_can_count_are_refused_before_they_are_listed(stages):
  with pytest.raises(SpecError, match=r'have at most 10,000 kernels\. Received: about'):
    ArchSpec(stages=stages, head_channels=(8,))
