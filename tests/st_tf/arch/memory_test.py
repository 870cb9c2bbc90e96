import pytest

from st_tf.arch import limits, memory, presets
from st_tf.arch.graph import Graph, Node
from st_tf.arch.specs import HeadSpec

MAPS = presets.supernet('mobile_dense'), HeadSpec('dense', 11), (240, 320, 3)


@pytest.mark.parametrize(('batch', 'peak'), [(4, 2.05e9), (16, 4.61e9)])
def test_the_estimate_is_near_to_measured_peaks(batch, peak):
  assert memory.of_step(*MAPS, batch) == pytest.approx(peak, rel=0.1)


@pytest.mark.parametrize(('name', 'side', 'batch', 'peak'), [('mobile', 64, 2, 1.35e9), ('hrnas', 64, 2, 2.6e9)])
def test_many_layers_take_memory_when_the_step_is_traced(name, side, batch, peak):
  network = presets.supernet(name), HeadSpec('classification', 10), (side, side, 3)
  assert memory.of_step(*network, batch) == pytest.approx(peak, rel=0.1)


def test_a_network_of_many_branches_keeps_more_for_each_image():
  network = presets.supernet('hrnas'), HeadSpec('classification', 10), (224, 224, 3)
  assert 8e9 < memory.of_step(*network, 8) < 9.5e9, 'about 8.9 GB were measured'


def test_of_a_graph_each_layer_counts_once_and_each_call_of_it():
  kernel = {'kernel': (3, 3, 3, 8)}
  nodes = (
    Node('image', 'InputLayer', {}, (), (16, 16, 3)),
    Node('conv', 'Conv2D', {}, ('image',), (8, 8, 8), kernel),
    Node('conv#2', 'Conv2D', {}, ('image',), (8, 8, 8), kernel),
  )
  size = limits.of_graph(Graph(nodes, ('conv', 'conv#2')))
  assert (size.params, size.outputs, size.layers) == (216, 768 + 2 * 512, 3)


def test_a_batch_is_halved_until_it_fits(monkeypatch):
  monkeypatch.setattr(memory, 'machine', lambda: 24_000_000_000)
  assert memory.largest_batch(*MAPS, 128) == 32 and memory.largest_batch(*MAPS, 128, comfortable=False) == 64
  assert memory.largest_batch(*MAPS, 8) == 8
  assert memory.largest_batch(*MAPS, 128, jobs=2) == 16
  # One image takes 1.4 GB, which is more than half of this and less than all.
  monkeypatch.setattr(memory, 'machine', lambda: 2_000_000_000)
  assert memory.largest_batch(*MAPS, 100) == 1
  monkeypatch.setattr(memory, 'machine', lambda: 1_000_000_000)
  assert memory.largest_batch(*MAPS, 100) == 0


@pytest.mark.parametrize(('text', 'bound'), [('1000\n', 1000), ('max\n', 5000), (None, 5000), ('9223372036854771712', 5000)])
def test_a_container_may_have_less_than_the_machine(tmp_path, monkeypatch, text, bound):
  if text:
    (tmp_path / 'memory.max').write_text(text)
  monkeypatch.setattr(memory, '_BOUNDS', (str(tmp_path / 'memory.max'),))
  monkeypatch.setattr(limits, 'machine_memory', lambda: 5000)
  assert memory.machine() == bound
