"""The command writes a table that a search takes, goes on where it stopped, and names what it does not accept."""

import contextlib
import io
import json
import shutil

import numpy as np
import pytest

from st_tf.arch import presets
from st_tf.arch.genome import Genome, Site, price
from st_tf.arch.latency import LatencyTable
from st_tf.arch.space_latency import SpaceTable
from st_tf.arch.spaces import SPACES
from st_tf.arch.specs import HeadSpec
from st_tf.errors import UserError
from st_tf.models import starts
from st_tf.search.analysis import analyse
from tests import tiny
from tflite import latency_graphs, latency_spaces, latency_table
from tflite.runtimes import native, wasm
from tflite.runtimes.measured import Measured, RuntimeMissingError


def faked(patch):
  """Makes an x86 on which the first file of a call takes 1 ms, the second 2 ms and so on; its calls are counted."""
  calls = []

  def measure(contents, images, rounds):
    calls.append(len(contents))
    return [Measured(np.zeros(1), (float(index + 1),)) for index, _ in enumerate(contents)]

  patch.setattr(native, 'measure', measure)
  return calls


@pytest.fixture
def runtime(monkeypatch):
  """That x86."""
  return faked(monkeypatch)


@pytest.fixture(scope='module')
def written(tmp_path_factory):
  """(a table as the command writes it, what the command shows)."""
  path, shown = tmp_path_factory.mktemp('written') / 'table.json', io.StringIO()
  with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(shown):
    faked(patch)
    latency_table.main(arguments(path))
  return path, shown.getvalue()


def arguments(path, **changes):
  settings = {
    'supernet': tiny.SUPERNET,
    'runtime': 'x86',
    'image_size': tiny.SIDE,
    'outputs': 3,
    'density': 1,
    'fractions': '0.5,1',
    'out': path,
  }
  return ['latency_table', *(f'--{name}={value}' for name, value in (settings | changes).items())]


def test_the_table_is_what_a_search_reads(written):
  path, text = written
  table = LatencyTable.load(path)
  table.check(tiny.ARCH, 'classification')
  groups = {name for names in latency_graphs.operations(tiny.ARCH, HeadSpec('classification', 3), tiny.SIDE).values() for name in names}
  assert set(table.curves) == groups
  assert (table.base, table.whole) == (1.0, 2.0)
  # Of files that take 1, 2, 3, 4 ms the pairs differ by 1, which four more copies share.
  assert set(next(iter(table.curves.values()))[1]) == {0.25}
  assert table.settings['runtime'] == 'x86' and table.settings['image_size'] == tiny.SIDE
  assert '2.00 ms measured whole' in text and 'slowest operations' in text


@pytest.mark.slow
def test_an_interrupted_table_is_continued(tmp_path, runtime):
  latency_table.main(arguments(tmp_path / 'whole.json'))
  expected, first = json.loads((tmp_path / 'whole.json').read_text()), len(runtime)
  part = {name: value for name, value in expected.items() if name not in ('base', 'whole')} | {'operations': expected['operations'][:2]}
  part['settings'] = expected['settings']
  (tmp_path / 'part.json').write_text(json.dumps(part))
  latency_table.main(arguments(tmp_path / 'part.json'))
  assert len(runtime) - first == first - 2
  assert json.loads((tmp_path / 'part.json').read_text()) == expected
  latency_table.main(arguments(tmp_path / 'part.json'))
  assert len(runtime) - first == first - 2, 'a finished table is only shown'


def of_space(path, **changes):
  settings = {'space': 'mobilenet3_mt_tiny', 'networks': 24, 'runtime': 'x86', 'image_size': 16, 'outputs': 3, 'density': 1, 'out': path}
  return ['latency_table', *(f'--{name}={value}' for name, value in (settings | changes).items())]


def test_a_space_has_a_table_of_its_networks_which_is_continued(tmp_path, runtime, monkeypatch, capsys):
  measured = []

  def times(self, entry):
    measured.append(entry)
    return 0.5 + price(Genome.from_text(entry['genome']), self.site).macs / 1e6

  monkeypatch.setattr(latency_spaces.Networks, 'times', times)
  latency_table.main(of_space(tmp_path / 'table.json'))
  table = SpaceTable.load(tmp_path / 'table.json')
  table.check('mobilenet3_mt_tiny', Site.of(SPACES['mobilenet3_mt_tiny'].strides, (16, 16), HeadSpec('classification', 3)))
  assert table.settings['runtime'] == 'x86' and table.error < 0.01 and len(measured) == 24
  assert 'table.json: 24 networks of mobilenet3_mt_tiny, 0.' in capsys.readouterr().out
  whole = json.loads((tmp_path / 'table.json').read_text())
  (tmp_path / 'part.json').write_text(json.dumps(whole | {'operations': whole['operations'][:1]}))
  latency_table.main(of_space(tmp_path / 'part.json'))
  assert len(measured) == 47 and json.loads((tmp_path / 'part.json').read_text()) == whole
  with pytest.raises(UserError, match='which is another table or none'):
    latency_table.main(of_space(tmp_path / 'table.json', space='mobilenet3_mt_small'))
  with pytest.raises(UserError, match=r'--networks is at least 20, that rates can be fitted\. Received: 7\.'):
    latency_table.main(of_space(tmp_path / 'few.json', networks=7))


@pytest.mark.parametrize('content', ['{}', 'nothing', '[]', 'damaged', 'unknown'])
def test_a_file_of_something_else_is_left_alone(written, tmp_path, runtime, content):
  if content in ('damaged', 'unknown'):
    facts = json.loads(written[0].read_text())
    damaged = {} if content == 'damaged' else facts['operations'][0] | {'operation': {'x': 1}}
    content = json.dumps(facts | {'operations': [damaged]})
  (tmp_path / 'table.json').write_text(content)
  with pytest.raises(
    UserError, match=r'continued with the settings it was begun with\. Received: .*table\.json, which is another table or none'
  ):
    latency_table.main(arguments(tmp_path / 'table.json'))
  assert (tmp_path / 'table.json').read_text() == content and not runtime


def test_a_table_of_other_settings_is_left_alone(written, tmp_path, runtime):
  shutil.copy(written[0], tmp_path)
  before = (tmp_path / 'table.json').read_bytes()
  with pytest.raises(UserError, match='which is another table or none'):
    latency_table.main(arguments(tmp_path / 'table.json', rounds=3))
  assert (tmp_path / 'table.json').read_bytes() == before


@pytest.mark.parametrize(
  'changes, message',
  [
    ({'out': ''}, r'--out is needed\. Received: none'),
    ({'out': 'nowhere/table.json'}, r'--out is a file in an existing folder\. Received: nowhere/table\.json'),
    ({'space': 'small'}, r'small'),
    ({'space': 'mobilenet3_mt_tiny'}, r'--supernet says nothing of a table of a space\. Received: both\. Leave out one'),
    ({'networks': 40}, r'--networks says nothing of a table of a supernet\.'),
    ({'density': 0}, r'--density lies in \(0, 1\]\. Received: 0'),
    ({'density': 0.1}, r'x86 never executes sparsely\. Received: --density=0\.1'),
    ({'fractions': '1,0.5'}, r'--fractions are rising shares that end with 1'),
    ({'fractions': '0.5'}, r'--fractions are rising shares that end with 1'),
    ({'rounds': 0}, r'--image_size, --outputs and --rounds are at least 1'),
    ({'runtime': 'arm64'}, r'--runtime is one of x86, wasm, adb\. Received'),
    ({'supernet': 'mobil'}, r'A supernet is one of .*Did you mean'),
  ],
)
def test_bad_input_is_named(tmp_path, runtime, changes, message):
  with pytest.raises(UserError, match=message):
    latency_table.main(arguments(**({'path': tmp_path / 'table.json', **changes} if 'out' not in changes else {'path': changes['out']})))
  assert not list(tmp_path.iterdir()) and not runtime


def test_a_supernet_with_tokens_is_refused(tmp_path):
  path = tmp_path / 'arch.json'
  path.write_text(presets.to_text(presets.PRESETS['tiny']).replace('"tokens": 0', '"tokens": 4'))
  with pytest.raises(UserError, match=r'of convolutions\. Received: a supernet with transformer tokens'):
    latency_table.main(arguments(tmp_path / 'table.json', supernet=path))


def test_a_missing_runtime_is_named(tmp_path, monkeypatch):
  monkeypatch.setattr(wasm, 'missing', lambda: 'Chromium is needed. Received: none.')
  with pytest.raises(UserError, match='Chromium is needed'):
    latency_table.main(arguments(tmp_path / 'table.json', runtime='wasm'))
  assert issubclass(RuntimeMissingError, UserError)


@pytest.mark.slow
def test_a_network_in_a_file_has_a_table_of_its_layers(tmp_path, trained_file, monkeypatch, capsys):
  calls, path, supernet = faked(monkeypatch), tmp_path / 'table.json', f'keras:{trained_file}'
  latency_table.main(arguments(path, supernet=supernet))
  graph = starts.start(supernet, '', 'signed', HeadSpec('classification', 3), (tiny.SIDE, tiny.SIDE)).graph
  table = LatencyTable.load(path)
  table.check(graph, 'classification')
  channels = analyse(graph)
  assert set(table.curves) == {layer for group in channels.searchable() for layer in channels.layers_of(group)}
  assert 0 < table.base <= 1.0 and table.whole == 2.0
  shown, measured = capsys.readouterr().out, len(calls)
  assert f'for {len(table.curves)} layers' in shown and '2.00 ms measured whole' in shown and '(DepthwiseConv2D), 8x8x16 -> 8x8x16' in shown
  latency_table.main(arguments(path, supernet=supernet))
  assert len(calls) == measured, 'a finished table is only shown'
  with pytest.raises(UserError, match='which is another table or none'):
    latency_table.main(arguments(path, supernet=supernet, outputs=4))


def test_a_file_that_is_not_there_is_named_before_anything_is_measured(tmp_path, runtime):
  with pytest.raises(UserError, match='--supernet=keras:FILE names a file that is there. Received: gone.keras'):
    latency_table.main(arguments(tmp_path / 'table.json', supernet='keras:gone.keras'))
  assert not runtime and not list(tmp_path.iterdir())
