"""Tables of measured milliseconds: between the measured numbers, and what is no such table."""

import dataclasses
import json

import pytest

from st_tf.arch.latency import LatencyError, LatencyTable
from tests import damage, networks, tiny


@pytest.fixture
def file(tmp_path):
  return tiny.write_table(tmp_path / 'table.json', tiny.SPECK, ['a/k3', 'b/k3'], [(4, 1.0), (8, 3.0)], base=0.5)


def changed(file, **changes):
  facts = json.loads(file.read_text())
  for name, value in changes.items():
    (facts['operations'][0] if name in facts['operations'][0] else facts)[name] = value
  file.write_text(json.dumps(facts))
  return file


def test_between_two_measured_numbers_the_time_is_in_proportion(file):
  table = LatencyTable.load(file)
  assert (table.base, table.settings) == (0.5, {'runtime': 'made up'})
  assert [table.milliseconds('a/k3', units) for units in (0, 1, 4, 5, 8, 9)] == [0, 0.25, 1, 1.5, 3, 3]
  with pytest.raises(LatencyError, match=r'holds every group that is searched\. Received: none for c/k3'):
    table.milliseconds('c/k3', 1)


def test_noise_never_makes_more_units_quicker_or_free(file):
  table = LatencyTable.load(changed(file, units=[2, 4, 8], milliseconds=[-0.1, 2.0, 1.5]))
  assert 0 < table.milliseconds('b/k3', 2) < 1e-5
  assert table.milliseconds('b/k3', 4) == table.milliseconds('b/k3', 8) == 2.0


def test_a_table_belongs_to_its_supernet(file):
  table = LatencyTable.load(file)
  table.check(tiny.SPECK, 'classification')
  with pytest.raises(LatencyError, match=r'belongs to the supernet it was measured with\. Received: a table of another one'):
    table.check(tiny.ARCH, 'classification')
  with pytest.raises(LatencyError, match='Received: a table with a classification head, where the task has a dense head'):
    table.check(tiny.SPECK, 'dense')


@pytest.mark.parametrize(
  'changes',
  [
    {'units': [8, 4]},
    {'units': [4]},
    {'units': [0, 8]},
    {'milliseconds': [1.0, float('nan')]},
    {'milliseconds': ['1', 'two']},
    {'base': None},
    {'whole': float('inf')},
    {'operations': []},
    {'operations': 3},
    {'supernet': {'stages': 3}},
    {'settings': None},
  ],
)
def test_what_is_no_finished_table_is_refused(file, changes):
  with pytest.raises(
    LatencyError, match=r'A latency table is a file that python -m tflite\.latency_table has finished\. Received: .*table\.json'
  ):
    LatencyTable.load(changed(file, **changes))


@pytest.mark.parametrize('content', [b'{', b'[]', b'\xff\xfe', b'{}'])
def test_a_file_of_something_else_is_refused(file, content):
  file.write_bytes(content)
  with pytest.raises(LatencyError, match=r'Received: .*table\.json .* Measure it again'):
    LatencyTable.load(file)


def test_a_missing_file_is_named(tmp_path):
  with pytest.raises(LatencyError, match=r'Received: .*none\.json \(No such file'):
    LatencyTable.load(tmp_path / 'none.json')


@pytest.fixture
def of_a_graph(tmp_path):
  path = tmp_path / 'graph.json'
  operations = [{'layers': ['expand', 'project'], 'macs': [384, 768], 'milliseconds': [1.0, 3.0]}]
  facts = {'supernet': networks.inverted().to_json(), 'head': 'classification', 'settings': {}, 'base': 0.5, 'whole': 7.0}
  path.write_text(json.dumps(facts | {'operations': operations}))
  return path


def test_a_table_of_a_graph_goes_by_the_macs_of_its_layers(of_a_graph):
  table = LatencyTable.load(of_a_graph)
  table.check(networks.inverted(), 'classification')
  assert [table.milliseconds('project', macs) for macs in (0, 192, 384, 576, 768)] == [0, 0.5, 1, 2, 3]


def test_a_table_of_a_graph_belongs_to_its_size_and_layers(of_a_graph, file):
  table = LatencyTable.load(of_a_graph)
  with pytest.raises(LatencyError, match=r'Received: a table of another one\. .*--image_size=\.\.\. --outputs=\.\.\. --padding'):
    table.check(networks.inverted(residual=False), 'classification')
  graph = networks.inverted()
  larger = dataclasses.replace(graph, nodes=(networks.image(side=8), *graph.nodes[1:]))
  with pytest.raises(LatencyError, match=r'another one \(4x4 pixels, 4 outputs; the task has 8x8 pixels, 4 outputs\)'):
    table.check(larger, 'classification')
  with pytest.raises(LatencyError, match='Received: a table of another one'):
    LatencyTable.load(file).check(graph, 'classification')


def test_a_graph_whose_table_has_groups_is_refused(of_a_graph):
  facts = json.loads(of_a_graph.read_text())
  of_a_graph.write_text(json.dumps(facts | {'operations': [{'groups': ['a'], 'units': [3], 'milliseconds': [1.0]}]}))
  with pytest.raises(LatencyError, match="KeyError: 'layers'"):
    LatencyTable.load(of_a_graph)


def test_whatever_is_in_a_file_it_is_a_table_or_refused(file):
  whole = json.loads(file.read_text())
  texts = [*damage.mistyped(whole), *damage.flipped(file.read_bytes(), 200), *damage.cut(file.read_bytes(), 20)]
  texts += [json.dumps(whole).replace('0.5', value, 1).encode() for value in ('1' + '0' * 400, '[' * 9999, '1e999', 'NaN')]
  refused = 0
  for text in texts:
    file.write_bytes(text)
    try:
      found = LatencyTable.load(file)
      assert all(found.milliseconds(name, 1) >= 0 for name in found.curves)
    except LatencyError:
      refused += 1
  assert refused > len(texts) / 2
