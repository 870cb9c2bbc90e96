"""Tables of times; the times themselves are the machine's."""

import json

import numpy as np
import pytest
import tensorflow as tf

from st_tf.errors import UserError
from tests.foreign_files import classifier, failing, labelled
from tests.graphs import conv, graph, image
from tflite import benchmark
from tflite.deploy.emit import emit
from tflite.file.encode import encode
from tflite.runtimes import adb, arm64, wasm
from tflite.runtimes.measured import Measured


@pytest.fixture(scope='module')
def files():
  """What the folder has, by name."""
  small, large = (encode(emit(graph(image(), conv('a', 'image', np.eye(3)))), (side, side, 3)) for side in (6, 8))
  anything = encode(lambda image: tf.reduce_mean(image, (1, 2)), (None, None, 3))
  return {'a': small, 'b': small, 'large': large, 'anything': anything, 'none': b'not a model'}


@pytest.fixture
def folder(files, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for name, content in files.items():
    (tmp_path / f'{name}.tflite').write_bytes(content)
  return tmp_path


def test_files_are_compared_with_the_first(folder, capsys, monkeypatch):
  asked = []

  def measure(contents, images, rounds):
    asked.append((len(contents), images.shape, rounds))
    return [Measured(np.zeros(1), (4.0, 2.0, 8.0)), Measured(np.zeros(1), (2.0, 1.0, 4.0), 12.5)]

  monkeypatch.setattr(wasm, 'measure', measure)
  benchmark.main(['benchmark', '--model=a.tflite,b.tflite', '--rounds=3', '--json=out.json'])
  assert asked == [(2, (1, 6, 6, 3), 3)]
  shown = capsys.readouterr().out.splitlines()
  assert shown[0] == 'wasm, batch 1, 3 rounds in turns' and shown[1].split() == ['bytes', 'ms', 'least', 'most', '/', 'first', 'peak', 'MB']
  size = f'{(folder / "a.tflite").stat().st_size:,}'
  assert shown[2].split() == ['a.tflite', size, '4.00', '2.00', '8.00', '1.00', '-']
  assert shown[3].split() == ['b.tflite', size, '2.00', '1.00', '4.00', '0.50', '12.5']
  facts = json.loads((folder / 'out.json').read_text())
  assert facts['runtime'] == 'wasm' and [row['ratio'] for row in facts['models']] == [1, 0.5]


def test_files_of_others_are_timed_and_what_was_changed_is_said(folder, capsys):
  """Free sizes, bytes, and a name with commas and an equals sign."""
  (folder / 'a, b,c=d.tflite').write_bytes(classifier(shape=(None, None, None, 3)))
  (folder / 'bytes.tflite').write_bytes(classifier(number='uint8'))
  benchmark.main(['benchmark', '--model=a, b,c=d.tflite,bytes.tflite', '--runtime=x86', '--rounds=1', '--image_size=8', '--json=t.json'])
  shown = capsys.readouterr().out
  assert 'a, b,c=d.tflite: its batch is not fixed, and is taken as 1\n' in shown
  assert 'a, b,c=d.tflite: its size is not fixed, and is taken as 8x8\n' in shown
  assert 'bytes.tflite: reads UINT8 and gives UINT8; its times are with the conversions from and to FLOAT32' in shown
  facts = json.loads((folder / 't.json').read_text())
  assert [row['model'] for row in facts['models']] == ['a, b,c=d.tflite', 'bytes.tflite'] and len(facts['notes']) == 3
  assert facts['models'][1]['bytes'] == len(classifier(number='uint8'))


def test_x86_says_that_it_tells_nothing_about_sparse_files(folder, capsys):
  benchmark.main(['benchmark', '--model=a.tflite', '--runtime=x86', '--rounds=2'])
  assert 'x86 never executes sparsely' in capsys.readouterr().out


def test_a_file_that_fails_as_it_runs_is_refused_by_its_name(folder):
  (folder / 'failing.tflite').write_bytes(failing())
  with pytest.raises(UserError, match=r'can be run by the TFLite interpreter\. Received: failing\.tflite \('):
    benchmark.main(['benchmark', '--model=failing.tflite', '--runtime=x86', '--rounds=1'])


def test_times_need_no_metadata(folder, capsys):
  content = labelled(classifier(), b'a\n')
  start = content.index(b'M001') - 4
  (folder / 'damaged.tflite').write_bytes(content[:start] + b'\xff' * 4 + content[start + 4 :])
  benchmark.main(['benchmark', '--model=damaged.tflite', '--runtime=x86', '--rounds=1'])
  assert 'damaged.tflite' in capsys.readouterr().out


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ([], '--model is needed'),
    (['--model=a.tflite', '--image_size=-1'], '--image_size is a number of pixels'),
    (['--model=a.tflite', '--signature=x'], "--signature is one that the file has. Received: 'x'"),
    (['--model=a.tflite', '--rounds=0'], '--rounds is at least 1'),
    (['--model=a.tflite', '--runtime=ios'], r'--runtime is one of x86, wasm, arm64, adb\. Received: .ios'),
    (['--model=anything.tflite'], r'A file has an input of fixed size\. Received: \(1, -1, -1, 3\) in anything\.tflite\. .* --image_size'),
    (['--model=gone.tflite'], 'Received: gone.tflite'),
    (['--model=none.tflite'], 'carries the identifier TFL3'),
    (['--model=a.tflite,large.tflite'], r'read images of one size\. Received: \[\(1, 6, 6, 3\), \(1, 8, 8, 3\)\]'),
    (['--model=a.tflite', '--json=none.tflite'], '--json overwrites nothing. Received: none.tflite'),
  ],
)
def test_what_cannot_be_timed_is_said(arguments, message, folder):
  with pytest.raises(UserError, match=message):
    benchmark.main(['benchmark', *arguments])


@pytest.mark.parametrize(('runtime', 'module'), [('wasm', wasm), ('arm64', arm64), ('adb', adb)])
def test_a_missing_runtime_is_named(runtime, module, folder, monkeypatch):
  monkeypatch.setattr(module, 'missing', lambda: f'{runtime} is needed. Received: none. Install it.')
  with pytest.raises(UserError, match=f'{runtime} is needed'):
    benchmark.main(['benchmark', '--model=a.tflite', f'--runtime={runtime}'])
