"""Supernets by name: plain data, so that another one is a JSON file and no code."""

import dataclasses
import json
import os
import pathlib

from st_tf.arch.specs import ArchSpec, SpecError, StageSpec
from st_tf.errors import did_you_mean

_FOUR_BRANCHES = StageSpec(blocks=(2, 2, 3, 4), channels=(18, 36, 72, 144))

# The ImageNet supernet of HR-NAS. 1,000 classes at 224x224: 13,243,868 parameters, 2,422.8 M MACs.
_HRNAS = ArchSpec(
  stages=(
    StageSpec((1,), (24,)),
    StageSpec((2, 2), (18, 36)),
    StageSpec((2, 2, 3), (18, 36, 72)),
    _FOUR_BRANCHES,
    _FOUR_BRANCHES,
  ),
  head_channels=(36, 72, 144, 320),
)

# Tests and the demo. 10 classes at 32x32: 52,770 parameters, 1.5 M MACs.
_TINY = ArchSpec(
  stages=(StageSpec((1,), (8,)), StageSpec((1, 1), (8, 16))),
  stem_channels=(8, 8),
  head_channels=(16, 48),
  last_channel=128,
  kernels=(3, 5),
  dropout=0.0,
)

# Phones: only what sparse mobile inference runs (3x3 and 5x5 kernels, bilinear resizing, no full convolution but the first).
# 100 classes at 128x128: 1,571,652 parameters, 110.5 M MACs.
_MOBILE = ArchSpec(
  stages=(
    StageSpec((1,), (16,)),
    StageSpec((1, 1), (16, 32)),
    StageSpec((1, 1, 1), (16, 32, 64)),
    StageSpec((1, 1, 2, 2), (16, 32, 64, 128)),
  ),
  stem_channels=(16, 16),
  separable_stem=True,
  head_channels=(32, 64, 128, 256),
  last_channel=960,
  kernels=(3, 5),
  expansion=2,
  activation='relu6',
  upsampling='bilinear',
)

PRESETS: dict[str, ArchSpec] = {
  'tiny': _TINY,
  # The same body for maps.
  'tiny_dense': dataclasses.replace(_TINY, last_channel=32),
  # 32x32 images on two CPU cores. 100 classes at 32x32: 663,484 parameters, 28.4 M MACs.
  'cifar': ArchSpec(
    stages=(StageSpec((1,), (24,)), StageSpec((1, 1), (24, 48)), StageSpec((0, 1, 2), (24, 48, 96))),
    stem_channels=(24, 24),
    input_stride=2,
    head_channels=(24, 48, 160),
    last_channel=512,
    kernels=(3, 5),
    expansion=2,
    dropout=0.1,
  ),
  # The same at two thirds of the width: 322,516 parameters, 13.7 M MACs.
  'cifar_small': ArchSpec(
    stages=(StageSpec((1,), (16,)), StageSpec((1, 1), (16, 32)), StageSpec((0, 1, 2), (16, 32, 64))),
    stem_channels=(16, 16),
    input_stride=2,
    head_channels=(16, 32, 112),
    last_channel=320,
    kernels=(3, 5),
    expansion=2,
    dropout=0.1,
  ),
  'mobile': _MOBILE,
  # The same body for maps: segmentation and keypoints.
  'mobile_dense': dataclasses.replace(_MOBILE, last_channel=64),
  'hrnas': _HRNAS,
  # The same body with the ends of HR-NAS's dense prediction; `head_channels` are for a classification head alone.
  # 19 classes at 512x1024: 10,110,235 parameters, 61.8 G MACs.
  'hrnas_cityscapes': dataclasses.replace(_HRNAS, last_channel=90),
  # 150 classes at 512x512: 10,427,706 parameters, 36.1 G MACs.
  'hrnas_ade20k': dataclasses.replace(_HRNAS, last_channel=180),
  # 17 joints at 256x192: 10,110,053 parameters, 5.8 G MACs. Batch norms as the pose networks have them (0.1 and 1e-5 in PyTorch's terms).
  'hrnas_coco': dataclasses.replace(_HRNAS, last_channel=90, bn_momentum=0.9, bn_epsilon=1e-5),
}


def supernet(name: str) -> ArchSpec:
  """The preset called `name`, or the ArchSpec in the JSON file at that path.

  Raises:
    SpecError: neither a preset nor a readable file with an ArchSpec.
  """
  if name in PRESETS:
    return PRESETS[name]
  path = pathlib.Path(os.path.expanduser(name))
  if path.suffix != '.json' and not path.is_file():
    rule = f'A supernet is one of {", ".join(PRESETS)}, or a .json file with an ArchSpec.'
    raise SpecError(f'{rule} Received: {name!r}.{did_you_mean(name, PRESETS)}')
  try:
    return ArchSpec.from_json(path.read_text(encoding='utf-8'))
  except (OSError, UnicodeDecodeError) as error:
    rule = 'The file of a supernet can be read.'
    raise SpecError(f'{rule} Received: {name!r} ({error}). Presets are {", ".join(PRESETS)}.') from error
  except SpecError as error:
    raise SpecError(f'{name}: {error}') from error


def to_text(arch: ArchSpec) -> str:
  """The JSON text that `supernet` reads back from a file."""
  return json.dumps(arch.to_json(), indent=2) + '\n'
