"""Whole networks: the same outputs, in operations that sparse mobile inference has."""

import dataclasses

import numpy as np
import pytest

from st_tf.arch.presets import PRESETS
from st_tf.arch.specs import BlockSpec, HeadSpec
from tests import tiny
from tests.graphs import random_network
from tflite.deploy import deployed
from tflite.deploy.emit import emit


def differ(model, side: int) -> float:
  """Largest difference between Keras and the deployment graph, as a fraction of the largest output."""
  images = np.random.default_rng(1).normal(size=(2, side, side, 3)).astype(np.float32)
  expected = model(images, training=False).numpy()
  assert np.abs(expected).max() > 1e-3
  return float(np.abs(emit(deployed(model))(images).numpy() - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize('activation', ['relu', 'hard_swish'])
@pytest.mark.parametrize('kind', ['classification', 'dense'])
@pytest.mark.parametrize('sparsity', [0.0, 0.9])
def test_a_random_supernet_keeps_its_outputs(activation, kind, sparsity):
  arch = dataclasses.replace(tiny.ARCH, activation=activation)
  assert differ(random_network(arch, HeadSpec(kind, 3), 8, sparsity), 8) < 1e-5


@pytest.mark.parametrize('seed', range(3))
def test_what_a_search_left_keeps_its_outputs(seed):
  arch = tiny.SPECK.with_searched({'stage1/fuse/0to0': BlockSpec((), shift=True), 'head/increase0': BlockSpec(((3, 5),), shift=True)})
  assert differ(random_network(arch, HeadSpec('classification', 3), 8, 0.5, seed), 8) < 1e-5


def test_the_mobile_preset_becomes_what_sparse_inference_has():
  model = random_network(PRESETS['mobile'], HeadSpec('classification', 10), 64, 0.9)
  graph = deployed(model)
  assert {node.op for node in graph.nodes} == {'image', 'conv', 'depthwise', 'act', 'add', 'resize', 'mean', 'dense'}
  first, *others = [node for node in graph.nodes if node.op == 'conv']
  assert first['kernel'].shape[:3] == (3, 3, 3) and (first['stride'], first['pad']) == (2, 1)
  assert all(node.is_pointwise for node in others)
  assert {node['kernel'].shape[0] for node in graph.nodes if node.op == 'depthwise'} <= {3, 5}
  assert {node['method'] for node in graph.nodes if node.op == 'resize'} == {'bilinear'}
  assert differ(model, 64) < 1e-5
