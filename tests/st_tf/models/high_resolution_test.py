"""The network against the numbers of the public reference network, and the variants that the reference does not have."""

import dataclasses
import functools
import math

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.arch.specs import ACTIVATIONS, UPSAMPLINGS, ArchSpec, HeadSpec, SpecError, StageSpec
from st_tf.models import build, cost, named_variables
from st_tf.models.reference import load_reference, reference_names
from st_tf.search import importance
from tests import golden

_LARGE = ('full', 'searched', 'tiny4')  # Networks of up to 1,700 layers, which take long to build.
_MARKS = dict.fromkeys(('full_seg', 'full_pose', 'searched_cls'), [pytest.mark.slow, pytest.mark.long])

# Every kind of block and layer once, but what brings a finer branch the image of a coarser one.
SMALL = ArchSpec(
  stages=(StageSpec((1,), (4,)), StageSpec((0, 0), (4, 6))),
  stem_channels=(4, 4),
  input_stride=1,
  head_channels=(4, 6),
  last_channel=8,
  kernels=(3,),
  expansion=2,
)
COPRIME = dataclasses.replace(SMALL, stages=(StageSpec((1,), (4,)), StageSpec((0, 0), (4, 9))), head_channels=(5, 10))
SINGLE = dataclasses.replace(SMALL, stages=(StageSpec((1,), (4,)),), head_channels=(4,))
# The last stage has a block of every direction.
CROSSED = dataclasses.replace(SMALL, stages=(StageSpec((0,), (4,)), StageSpec((0, 0), (4, 6)), StageSpec((0, 0), (4, 6))))
HEAD = HeadSpec('classification', 3)
MAPS = HeadSpec('dense', 3)


@functools.cache
def tiny(name):
  """A golden case that several tests use."""
  return build(*golden.arch(name), golden.input_shape(name))


@functools.cache
def small():
  return build(SMALL, HEAD, (8, 8, 3))


def walked_macs(model):
  """Multiply-accumulates by the layers' settings and input sizes alone: no kernels, no output sizes, nothing of st_tf.models.cost."""
  total = 0
  for layer in model.layers:
    if isinstance(layer, keras.layers.Dense):
      total += layer.input_shape[-1] * layer.units
    elif isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
      _, height, width, channels = layer.input_shape
      size, stride = layer.kernel_size[0], layer.strides[0]
      if layer.padding == 'same':
        height, width = height + size - 1, width + size - 1
      positions = ((height - size) // stride + 1) * ((width - size) // stride + 1)
      depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
      outputs, summands = (channels, 1) if depthwise else (layer.filters, channels // layer.groups)
      total += positions * outputs * summands * size * size
  return total


@pytest.mark.parametrize(('arch', 'head'), [(SMALL, HEAD), (SMALL, MAPS), (COPRIME, HEAD), (COPRIME, MAPS)])
def test_no_convolution_of_a_network_has_a_strided_1x1_kernel(arch, head):
  # On a CPU with AVX2 oneDNN's gradient of such a one, depthwise or not, writes beyond its memory.
  model = build(arch, head, (16, 16, 3))
  forward = tf.function(lambda images: model(images, training=True), input_signature=[tf.TensorSpec([1, 16, 16, 3])], autograph=False)
  strides = {}
  for operation in forward.get_concrete_function().graph.get_operations():
    if operation.type in ('Conv2D', 'DepthwiseConv2dNative'):
      size = tuple(operation.inputs[1].shape[:2])
      strides.setdefault(size, set()).add(max(operation.get_attr('strides')))
  assert strides[1, 1] == {1} and 2 in strides[3, 3]


@pytest.mark.parametrize('deviation', [0.001, 0.02])
def test_initial_convolution_kernels_have_the_deviation_asked_for(deviation):
  kernels = named_variables(build(dataclasses.replace(SINGLE, stem_channels=(4, 24)), MAPS, (8, 8, 3), deviation=deviation))
  values = np.concatenate([value.numpy().ravel() for name, value in kernels.items() if name.endswith('kernel')])
  assert values.size > 1000 and values.std() == pytest.approx(deviation, rel=0.05) and abs(values.mean()) < 0.1 * deviation


def test_initial_kernels_are_he_by_fan_out_otherwise():
  values = named_variables(build(dataclasses.replace(SINGLE, stem_channels=(64, 64)), HEAD, (8, 8, 3)))['stem/conv1/kernel'].numpy()
  assert values.shape == (3, 3, 64, 64) and values.std() == pytest.approx(math.sqrt(2 / (9 * 64)), rel=0.02)


@pytest.mark.parametrize(
  'name', [pytest.param(name, marks=_MARKS.get(name, pytest.mark.slow)) if name.startswith(_LARGE) else name for name in golden.CASES]
)
def test_parameters_macs_and_penalties_equal_the_reference(name):
  # One test, since the networks of the paper take seconds to build.
  arch, head = golden.arch(name)
  expected = golden.CASES[name]
  model = tiny(name) if name in golden.WITH_OUTPUT else build(arch, head, golden.input_shape(name))
  assert sum(math.prod(variable.shape) for variable in model.trainable_variables) == expected['parameters']
  assert walked_macs(model) == expected['macs_per_image']
  found = cost.of(model)
  assert (found.params, found.macs) == (expected['parameters'], expected['macs_per_image'])
  if 'penalties' in expected:
    groups = importance.groups_of(model, arch, head)
    penalties = importance.penalties(groups, importance.normaliser(groups))
    theirs = reference_names(arch, head)
    ours = {f'{theirs[group.factor.removesuffix("/gamma")]}.weight': penalties[group.name] for group in groups}
    assert ours == pytest.approx(dict(expected['penalties']), rel=1e-6)


SHORT = [pytest.param(name, marks=pytest.mark.slow) if name == 'tiny4_seg' else name for name in golden.WITH_OUTPUT]


@pytest.mark.parametrize('name', SHORT)
def test_outputs_equal_the_reference(name):
  arch, head = golden.arch(name)
  model = tiny(name)
  load_reference(model, arch, head, golden.tensors(name))
  np.testing.assert_allclose(model(golden.images(name)).numpy(), golden.output(name), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('stride, first, second', [(1, 8, 8), (2, 4, 4), (4, 4, 2)])
def test_the_stem_keeps_both_convolutions_at_every_input_stride(stride, first, second):
  model = build(dataclasses.replace(SINGLE, input_stride=stride), HEAD, (8, 8, 3))
  assert model.get_layer('stem/conv0').output_shape == (None, first, first, 4)
  assert model.get_layer('stem/conv1').output_shape == (None, second, second, 4)
  assert model.output_shape == (None, 3)


@pytest.mark.parametrize('upsampling', UPSAMPLINGS)
@pytest.mark.parametrize('name', ACTIVATIONS)
def test_every_activation_and_upsampling_gives_finite_logits(name, upsampling):
  arch = dataclasses.replace(CROSSED, activation=name, upsampling=upsampling)
  model = build(arch, HEAD, (8, 8, 3))
  outputs = model(np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)).numpy()
  assert outputs.shape == (2, 3) and np.isfinite(outputs).all()
  used = [layer for layer in model.layers if isinstance(layer, keras.layers.UpSampling2D)]
  assert bool(used) == (upsampling == 'nearest')


@pytest.mark.parametrize('upsampling', UPSAMPLINGS)
def test_odd_sizes_are_fitted_to_the_first_summand(upsampling):
  arch = dataclasses.replace(CROSSED, input_stride=4, upsampling=upsampling)
  # 28x20 -> 7x5 and 4x3, which goes back to 8x6 and must be fitted: 320x240 images meet this three branches further down.
  model = build(arch, MAPS, (28, 20, 3))
  outputs = model(np.random.default_rng(0).normal(size=(2, 28, 20, 3)).astype(np.float32))
  assert outputs.shape == (2, 7, 5, 3) and np.isfinite(outputs).all()


def test_a_dense_head_keeps_the_stem_s_resolution_and_has_a_bias():
  model = build(dataclasses.replace(SINGLE, input_stride=2), MAPS, (12, 8, 3))
  assert model.output_shape == (None, 6, 4, 3)
  assert 'head/classifier/bias' in named_variables(model)


def test_a_stride_2_convolution_pads_symmetrically_on_even_sizes():
  # TensorFlow's 'same' would pad below and to the right only.
  model = build(dataclasses.replace(SINGLE, input_stride=4), HEAD, (8, 12, 3))
  first = keras.Model(model.input, model.get_layer('stem/conv0').output)
  images = np.random.default_rng(0).normal(size=(1, 8, 12, 3)).astype(np.float32)
  kernel = named_variables(model)['stem/conv0/kernel'].numpy()
  padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
  expected = np.zeros((1, 4, 6, 4))
  for row in range(4):
    for column in range(6):
      window = padded[:, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
      expected[:, row, column] = np.tensordot(window, kernel, 3)
  np.testing.assert_allclose(first(images), expected, rtol=1e-5, atol=1e-6)


def test_a_depthwise_convolution_of_stride_2_pads_by_half_its_kernel():
  model = build(dataclasses.replace(SMALL, kernels=(5,)), HEAD, (8, 8, 3))
  name = 'stage2/fuse/0to1/k5/depthwise'
  layer, pad = model.get_layer(name), model.get_layer(f'{name}_pad')
  assert pad.padding == ((2, 2), (2, 2)) and layer.padding == 'valid' and layer.output_shape[1:3] == (4, 4)


def test_importance_factors_are_the_scales_after_the_depthwise_convolution():
  model = small()
  consumer = model.get_layer('stage1/branch0/block0/k3/factor_bn').input
  assert consumer is model.get_layer('stage1/branch0/block0/k3/depthwise').output


def test_initial_weights_depend_on_the_seed_and_on_nothing_else():
  first, second, other = (build(SINGLE, HEAD, (8, 8, 3), seed=seed) for seed in (3, 3, 4))
  name = 'stage1/branch0/block0/k3/expand/kernel'
  same, different = named_variables(second)[name], named_variables(other)[name]
  assert np.array_equal(named_variables(first)[name], same) and not np.array_equal(same, different)
  # A block more elsewhere changes no other layer's weights.
  longer = dataclasses.replace(SINGLE, stages=(StageSpec((2,), (4,)),))
  assert np.array_equal(named_variables(build(longer, HEAD, (8, 8, 3), seed=3))[name], same)


def test_an_image_smaller_than_the_coarsest_branch_is_refused():
  with pytest.raises(SpecError, match=r'at least one pixel\. Received: images of 4x4'):
    build(dataclasses.replace(SMALL, input_stride=4), HEAD, (4, 4, 3))


def test_variables_have_the_same_names_inside_wrappers():
  from st_tf.pruning import Cubic
  from st_tf.pruning.fit import wrap_layers

  plain = named_variables(small())
  wrapped = named_variables(build(SMALL, HEAD, (8, 8, 3), wrap_layers(Cubic(0.5, 0, 10, 1), 'masked')))
  assert list(plain) == list(wrapped)
  assert all(np.array_equal(plain[name], wrapped[name]) for name in plain)


def test_a_separable_stem_leaves_one_full_convolution():
  model = build(dataclasses.replace(SINGLE, separable_stem=True, input_stride=4), HEAD, (64, 48, 3))
  full = [layer.name for layer in model.layers if type(layer) is keras.layers.Conv2D and layer.kernel_size != (1, 1)]
  assert full == ['stem/conv0']
  assert tuple(model.get_layer('stem/conv1').output_shape) == (None, 16, 12, 4)
  assert cost.of(model).macs == walked_macs(model)
