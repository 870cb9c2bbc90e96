"""The golden cases: numbers computed from the public reference network, and how its weights were filled."""

import json
import pathlib
import zlib

import numpy as np

from st_tf.arch.specs import ArchSpec, BlockSpec, HeadSpec, StageSpec, layout

_DATA = pathlib.Path(__file__).parent / 'data'
CASES = json.loads((_DATA / 'golden.json').read_text())
SUPERNETS = [name for name, case in CASES.items() if 'penalties' in case]
WITH_OUTPUT = [name for name in CASES if (_DATA / f'{name}.npz').exists()]


def arch(name: str) -> tuple[ArchSpec, HeadSpec]:
  """The case's network in this project's terms."""
  case = CASES[name]
  config = CASES['full_cls']['config'] if 'config' not in case else case['config']
  head = HeadSpec('classification' if config['task'] == 'classification' else 'dense', config['num_classes'])
  network = ArchSpec(
    stages=tuple(StageSpec(tuple(blocks), tuple(channels)) for _, blocks, channels in config['inverted_residual_setting']),
    stem_channels=tuple(config['input_channel']),
    input_stride=config['input_stride'],
    head_channels=tuple(config['head_channels'] or ()),
    last_channel=config['last_channel'],
    kernels=tuple(config['kernel_sizes']),
    expansion=config['expand_ratio'],
    bn_momentum=1 - config['bn_momentum'],
    bn_epsilon=config['bn_epsilon'],
  )
  if 'blocks' not in case:
    return network, head
  found = {}
  for block, (_, _, _, kernels, units, _) in zip(layout(network, head), case['blocks'], strict=True):
    found[block.name] = BlockSpec(tuple(zip(kernels, units)))
  return network.with_searched(found), head


def input_shape(name: str) -> tuple[int, int, int]:
  """(height, width, channels) of the case's images."""
  _, channels, height, width = CASES[name]['input_shape_nchw']
  return height, width, channels


def tensors(name: str) -> dict[str, np.ndarray]:
  """The case's weights by the reference's names."""
  return {tensor: _weight(tensor, shape) for tensor, shape in CASES[name]['tensors']}


def images(name: str) -> np.ndarray:
  """The case's input, [batch, height, width, channels]."""
  batch = np.random.RandomState(7).normal(0, 1, CASES[name]['input_shape_nchw'])
  return batch.astype(np.float32).transpose(0, 2, 3, 1)


def output(name: str) -> np.ndarray:
  """The reference's output for `images(name)`, channels last."""
  value = np.load(_DATA / f'{name}.npz')['output']
  return value.transpose(0, 2, 3, 1) if value.ndim == 4 else value


def _weight(name: str, shape: list[int]) -> np.ndarray:
  random = np.random.RandomState(zlib.crc32(name.encode()) & 0x7FFFFFFF)
  kind = name.rsplit('.', 1)[-1]
  if kind == 'running_mean' or kind.endswith('bias'):
    value = random.normal(0, 0.1, shape)
  elif kind == 'running_var' or len(shape) == 1:
    value = random.uniform(0.5, 1.5, shape)
  else:
    value = random.normal(0, 0.5 / np.sqrt(np.prod(shape[1:])), shape)
  return np.asarray(value, np.float32)
