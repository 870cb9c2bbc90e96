"""Weights by the reference's names."""

import dataclasses

import numpy as np
import pytest

from st_tf.arch.specs import ArchSpec, BlockSpec, HeadSpec, StageSpec
from st_tf.errors import UserError
from st_tf.models import build, named_variables
from st_tf.models.reference import ReferenceWeightsError, load_reference, read_tensors, reference_names
from st_tf.pruning import Cubic
from st_tf.pruning.fit import wrap_layers
from tests.tiny import SPECK

ARCH = ArchSpec(
  stages=(StageSpec((1,), (4,)), StageSpec((0, 1), (4, 6))),
  stem_channels=(4, 4),
  input_stride=2,
  head_channels=(4, 6),
  last_channel=8,
  kernels=(3, 5),
  expansion=2,
).with_searched({'stage1/fuse/0to0': BlockSpec(()), 'stage2/fuse/0to1': BlockSpec(((5, 3),))})
HEAD = HeadSpec('classification', 3)
SHAPE = (8, 8, 3)
PARTS = {'gamma': 'weight', 'beta': 'bias', 'moving_mean': 'running_mean', 'moving_variance': 'running_var', 'bias': 'bias'}


def exported(model, arch=ARCH, head=HEAD):
  """The model's variables as a PyTorch state dict would hold them."""
  names, tensors = reference_names(arch, head), {}
  for name, variable in named_variables(model).items():
    layer, part = name.rsplit('/', 1)
    value = variable.numpy()
    if layer in names and value.ndim:
      if value.ndim == 4:
        value = value.transpose(2, 3, 0, 1) if part == 'depthwise_kernel' else value.transpose(3, 2, 0, 1)
      elif value.ndim == 2:
        value = value.T
      tensors[f'{names[layer]}.{PARTS.get(part, "weight")}'] = value
  return tensors


@pytest.fixture(scope='module')
def source():
  model = build(ARCH, HEAD, SHAPE, seed=1)
  rng = np.random.default_rng(0)
  for variable in model.trainable_variables:
    variable.assign(variable + rng.normal(0, 0.1, variable.shape))
  return model


@pytest.fixture(scope='module')
def target():
  return build(ARCH, HEAD, SHAPE, wrap_layers(Cubic(0.5, 0, 10, 1), 'masked'), seed=2)


@pytest.fixture
def images():
  return np.random.default_rng(1).normal(size=(2, *SHAPE)).astype(np.float32)


def test_every_layer_with_weights_has_a_name_in_the_reference(source):
  layers = {name.rsplit('/', 1)[0] for name in named_variables(source)}
  names = reference_names(ARCH, HEAD)
  assert layers - {'head/dropout'} <= set(names) and len(set(names.values())) == len(names)
  assert names['stem/conv1'] == 'downsamples.1.0'
  # The only kernel that is left of two is the first of the reference's list.
  assert names['stage2/fuse/0to1/k5/expand'] == 'features.2.fuse_layers.1.0.ops.0.0.0'
  assert names['head/classifier'] == 'classifier.1'


def test_weights_survive_the_way_through_the_reference_s_names_into_a_wrapped_model(source, target, images):
  load_reference(target, ARCH, HEAD, exported(source))
  assert np.array_equal(target(images), source(images))


def test_counters_masks_and_the_norms_of_empty_blocks_are_ignored(source, target, images):
  ignored = ('downsamples.0.1.num_batches_tracked', 'downsamples.0.0.mask', 'features.0.fuse_layers.0.0.pw_bn.weight')
  load_reference(target, ARCH, HEAD, exported(source) | {name: np.zeros(1) for name in ignored})
  assert np.array_equal(target(images), source(images))


@pytest.mark.parametrize('stride', [1, 2])
def test_both_convolutions_of_the_stem_are_loaded_at_small_input_strides(stride):
  arch = dataclasses.replace(SPECK, input_stride=stride)
  first, second = (build(arch, HEAD, SHAPE, seed=seed) for seed in (1, 2))
  load_reference(second, arch, HEAD, exported(first, arch))
  assert all(np.array_equal(value, named_variables(second)[name]) for name, value in named_variables(first).items())


def wrong(tensors, change):
  tensors = dict(tensors)
  if change == 'missing':
    del tensors['features.4.final_layer.0.weight']
  elif change == 'extra':
    tensors['features.9.weight'] = np.zeros(3)
  elif change == 'shape':
    tensors['downsamples.1.0.weight'] = np.zeros([4, 4, 5, 5])
  else:
    tensors['classifier.1.bias'] = np.array(['a', 'b', 'c'])
  return tensors


@pytest.mark.parametrize(
  'change, message',
  [
    ('missing', r"Every weight has a tensor\. Received: none called 'features\.4\.final_layer\.0\.weight'"),
    ('extra', r"Every tensor belongs to the network\. Received: 1 more, the first 'features\.9\.weight'"),
    ('shape', r"Received: 'downsamples\.1\.0\.weight' of \(4, 4, 5, 5\) for stem/conv1 of \(3, 3, 4, 4\)"),
    ('text', r"A tensor is made of numbers\. Received: 'classifier\.1\.bias' of <U1"),
  ],
)
def test_tensors_that_do_not_fit_are_named_and_change_nothing(source, target, change, message):
  before = {name: variable.numpy() for name, variable in named_variables(target).items()}
  tensors = {name: value + 1 for name, value in exported(source).items()}
  with pytest.raises(ReferenceWeightsError, match=message):
    load_reference(target, ARCH, HEAD, wrong(tensors, change))
  assert all(np.array_equal(value, named_variables(target)[name]) for name, value in before.items())


def test_a_network_with_a_transformer_has_no_reference_weights(source):
  arch = SPECK.with_searched({'stage1/fuse/0to0': BlockSpec((), tokens=2)})
  with pytest.raises(ReferenceWeightsError, match='no transformer, shifts or separable stem. Received: stage1/fuse/0to0/transformer'):
    load_reference(build(arch, HEAD, SHAPE), arch, HEAD, exported(source))


def test_tensors_are_read_from_an_npz_file(tmp_path):
  np.savez(tmp_path / 'weights.npz', **{'a.weight': np.arange(3.0)})
  tensors = read_tensors(tmp_path / 'weights.npz')
  assert list(tensors) == ['a.weight'] and tensors['a.weight'].tolist() == [0, 1, 2]


def broken_file(folder, kind):
  path = folder / 'weights.npz'
  if kind == 'empty':
    path.touch()
  elif kind == 'text':
    path.write_text('no archive')
  elif kind == 'one array':
    path = folder / 'weights.npy'
    np.save(path, np.zeros(3))
  elif kind == 'objects':
    np.savez(path, a=np.array([{}], object))
  elif kind == 'cut':
    np.savez(path, a=np.zeros(1000))
    path.write_bytes(path.read_bytes()[:2000])
  elif kind == 'flipped':
    np.savez_compressed(path, a=np.random.default_rng(0).normal(size=1000))
    content = bytearray(path.read_bytes())
    content[1000:1100] = bytes(100)
    path.write_bytes(content)
  return path


@pytest.mark.parametrize('kind', ['missing', 'empty', 'text', 'one array', 'objects', 'cut', 'flipped'])
def test_a_file_that_is_no_npz_of_plain_arrays_is_named(tmp_path, kind):
  path = broken_file(tmp_path, kind)
  with pytest.raises(ReferenceWeightsError, match=f'Reference weights are an .npz file of plain arrays. Received: .*{path.name}'):
    read_tensors(path)


def test_the_error_is_one_that_users_can_put_right():
  assert issubclass(ReferenceWeightsError, UserError)
