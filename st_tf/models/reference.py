"""Weights of the public reference network, by its own tensor names.

The names and shapes are those of the PyTorch state dict of HR-NAS / SuperTickets: convolution kernels are [out, in / groups,
height, width], batch norms have weight, bias, running_mean and running_var.
"""

from collections.abc import Mapping
import pathlib

import numpy as np
import tf_keras as keras

from st_tf import files
from st_tf.arch.specs import ArchSpec, HeadSpec, layout
from st_tf.errors import UserError
from st_tf.models.variables import layers, named_variables, short_name

_NORM = {'gamma': 'weight', 'beta': 'bias', 'moving_mean': 'running_mean', 'moving_variance': 'running_var'}
_CONV = {'kernel': 'weight', 'depthwise_kernel': 'weight', 'bias': 'bias'}
_IGNORED = ('num_batches_tracked', 'mask')


class ReferenceWeightsError(UserError):
  """Tensors that do not fit the network."""


def reference_names(arch: ArchSpec, head: HeadSpec) -> dict[str, str]:
  """The reference's module name of every layer with weights, by this project's layer name."""
  names = {}
  for i in range(2):
    names[f'stem/conv{i}'] = f'downsamples.{i}.0'
    names[f'stem/bn{i}'] = f'downsamples.{i}.1'
  for block in layout(arch, head):
    for place, (size, _) in enumerate(block.spec.kernels):
      ours, theirs = f'{block.name}/k{size}', f'{block.reference}.ops.{place}'
      names[f'{ours}/expand'] = f'{theirs}.0.0'
      names[f'{ours}/expand_bn'] = f'{theirs}.0.1'
      names[f'{ours}/depthwise'] = f'{theirs}.1.0'
      names[f'{ours}/factor_bn'] = f'{theirs}.1.1'
      names[f'{ours}/project'] = f'{theirs}.2'
    names[f'{block.name}/bn'] = f'{block.reference}.pw_bn'
    names[f'{block.name}/skip'] = f'{block.reference}.residual'
  last = f'features.{2 * len(arch.stages)}.final_layer'
  names |= {'head/last': f'{last}.0', 'head/last_bn': f'{last}.1'}
  names['head/classifier'] = 'classifier.1' if head.kind == 'classification' else 'classifier'
  return names


def load_reference(model: keras.Model, arch: ArchSpec, head: HeadSpec, tensors: Mapping[str, np.ndarray]) -> None:
  """Sets every variable of `model` from the reference's tensors.

  Args:
    model: what `build(arch, head, ...)` returned, with or without pruning wrappers.
    arch: its description.
    head: its head.
    tensors: arrays by the reference's names; batch counters, masks and the batch norms of empty blocks are ignored.

  Raises:
    ReferenceWeightsError: a tensor is missing, left over or of another shape; nothing has been changed then.
  """
  names = reference_names(arch, head)
  variables = named_variables(model)
  values, used = {}, set()
  for _, layer in layers(model):
    for variable in layer.weights:
      short = short_name(variable)
      kinds = _NORM if isinstance(layer, keras.layers.BatchNormalization) else _CONV
      if layer.name not in names or short not in kinds:
        if variable.trainable:
          raise ReferenceWeightsError(
            f'The reference network has no transformer, shifts or separable stem. Received: {layer.name}/{short}.'
          )
        continue
      name = f'{names[layer.name]}.{kinds[short]}'
      values[f'{layer.name}/{short}'] = _converted(name, tensors, layer, tuple(variable.shape))
      used.add(name)
  empty = tuple(f'{block.reference}.pw_bn.' for block in layout(arch, head) if not block.spec.kernels)
  extra = [name for name in tensors if name not in used and not name.endswith(_IGNORED) and not name.startswith(empty)]
  if extra:
    raise ReferenceWeightsError(
      f'Every tensor belongs to the network. Received: {len(extra)} more, the first {extra[0]!r}. Check the architecture.'
    )
  for name, value in values.items():
    variables[name].assign(value)


def read_tensors(path: str | pathlib.Path) -> dict[str, np.ndarray]:
  """The arrays of an .npz file by name.

  Raises:
    ReferenceWeightsError: the file is missing or is no .npz of plain arrays.
  """
  try:
    return files.read_npz(path)
  except ValueError as error:
    raise ReferenceWeightsError(f'Reference weights are an .npz file of plain arrays. Received: {path} ({error}).') from error


def _converted(name: str, tensors: Mapping[str, np.ndarray], layer: keras.layers.Layer, shape: tuple[int, ...]) -> np.ndarray:
  if name not in tensors:
    raise ReferenceWeightsError(f'Every weight has a tensor. Received: none called {name!r}. Check the architecture and the head.')
  value = np.asarray(tensors[name])
  if value.dtype.kind not in 'fiu':
    raise ReferenceWeightsError(f'A tensor is made of numbers. Received: {name!r} of {value.dtype}.')
  value = value.astype(np.float32)
  if value.ndim == 4:
    value = value.transpose(2, 3, 0, 1) if isinstance(layer, keras.layers.DepthwiseConv2D) else value.transpose(2, 3, 1, 0)
  elif value.ndim == 2:
    value = value.T
  if value.shape != shape:
    raise ReferenceWeightsError(
      f'A tensor has the shape of its weight. Received: {name!r} of {np.shape(tensors[name])} for {layer.name} of {shape}.'
    )
  return value
