"""Whole networks: the same outputs, in operations that sparse mobile inference has."""

import dataclasses

import numpy as np
import pytest

from st_tf.arch.specs import BlockSpec, HeadSpec
from st_tf.models import build
from tests import tiny
from tests.graphs import randomise
from tflite.deploy import deployed
from tflite.deploy.emit import emit


def differ(model, side: int, graph=None) -> float:
  """Largest difference between Keras and the deployment graph, as a fraction of the largest output."""
  images = np.random.default_rng(1).normal(size=(2, side, side, 3)).astype(np.float32)
  expected = model(images, training=False).numpy()
  assert np.abs(expected).max() > 1e-3
  return float(np.abs(emit(graph or deployed(model))(images).numpy() - expected).max() / np.abs(expected).max())


@pytest.mark.parametrize('activation', ['relu', 'hard_swish'])
@pytest.mark.parametrize('kind', ['classification', 'dense'])
def test_a_random_supernet_keeps_its_outputs(activation, kind):
  model = build(dataclasses.replace(tiny.ARCH, activation=activation), HeadSpec(kind, 3), (8, 8, 3))
  for sparsity in (0.0, 0.9):
    assert differ(randomise(model, sparsity), 8) < 1e-5, sparsity


def test_what_a_search_left_keeps_its_outputs():
  arch = tiny.SPECK.with_searched({'stage1/fuse/0to0': BlockSpec((), shift=True), 'head/increase0': BlockSpec(((3, 5),), shift=True)})
  model = build(arch, HeadSpec('classification', 3), (8, 8, 3))
  for seed in range(3):
    assert differ(randomise(model, 0.5, seed), 8) < 1e-5, seed


def test_the_mobile_preset_becomes_what_sparse_inference_has(mobile_network):
  graph = deployed(mobile_network)
  assert {node.op for node in graph.nodes} == {'image', 'conv', 'depthwise', 'act', 'add', 'resize', 'mean', 'dense'}
  first, *others = [node for node in graph.nodes if node.op == 'conv']
  assert first['kernel'].shape[:3] == (3, 3, 3) and (first['stride'], first['pad']) == (2, 1)
  assert all(node.is_pointwise for node in others)
  assert {node['kernel'].shape[0] for node in graph.nodes if node.op == 'depthwise'} <= {3, 5}
  assert {node['method'] for node in graph.nodes if node.op == 'resize'} == {'bilinear'}
  assert differ(mobile_network, 64, graph) < 1e-5
