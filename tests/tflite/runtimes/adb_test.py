"""The device is played by recorded output."""

import numpy as np
import pytest

from st_tf.errors import UserError
from tflite.runtimes import adb
from tflite.runtimes.measured import RuntimeMissingError

RECORDED = """STARTING!
Log parameter values verbosely: [0]
Min num runs: [30]
Num threads: [1]
Graph: [/data/local/tmp/supertickets_0.tflite]
Use xnnpack: [1]
Loaded model /data/local/tmp/supertickets_0.tflite
INFO: Initialized TensorFlow Lite runtime.
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
The input model file size (MB): 1.02
Initialized session in 12.4ms.
Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
count=63 first=9012 curr=7903 min=7801 max=9012 avg=7951.2 std=155
Running benchmark for at least 30 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
count=126 first=7908 curr=7911 min=7790 max=8420 avg=7925.91 std=77
Inference timings in us: Init: 12400, First inference: 9012, Warmup (avg): 7951.2, Inference (avg): 7925.91
Memory footprint delta from the start of the tool (MB): init=4.1 overall=9.4
"""


def test_time_and_memory_are_read_from_the_program_s_output():
  milliseconds, peak = adb.parse(RECORDED)
  assert milliseconds == pytest.approx(7.92591) and peak == pytest.approx(9.4)
  assert adb.parse('Inference timings in us: Init: 1, First inference: 2, Warmup (avg): 3, Inference (avg): 1.5e+06') == (1500, None)


@pytest.mark.parametrize('text', ['', 'STARTING!\nERROR: Could not open the model'])
def test_output_without_a_time_is_an_error(text):
  with pytest.raises(UserError, match=r'benchmark_model prints its times\. Received: '):
    adb.parse(text)


def play(monkeypatch, answers: dict[str, str]) -> list[tuple[str, ...]]:
  """Answers commands by what they contain; returns the list of commands."""
  given: list[tuple[str, ...]] = []

  def run(*command: str, check: bool = True) -> str:
    given.append(command)
    return next((answer for part, answer in answers.items() if part in ' '.join(command)), '')

  monkeypatch.setattr(adb, '_run', run)
  monkeypatch.setattr(adb.shutil, 'which', lambda name: name)
  return given


def test_models_are_pushed_run_in_turns_and_removed(monkeypatch):
  given = play(monkeypatch, {'devices': 'List\nemulator\tdevice\n', '--graph': RECORDED})
  found = adb.measure([b'one', b'two'], np.zeros((1, 4, 4, 3)), rounds=2)
  assert [entry.milliseconds for entry in found] == [pytest.approx((7.92591, 7.92591))] * 2 and found[0].peak_megabytes == 9.4
  graphs = [word for command in given for word in command if word.startswith('--graph')]
  assert graphs == [f'--graph=/data/local/tmp/supertickets_{index}.tflite' for index in (0, 1, 0, 1)]
  assert given[-1][:4] == ('adb', 'shell', 'rm', '-f')


@pytest.mark.parametrize(
  ('answers', 'message'),
  [
    ({'devices': 'List of devices attached\n\n'}, r'A connected device .* Received: none from adb devices'),
    ({'devices': 'List\nabc\tunauthorized\n'}, r'Received: abc\tunauthorized'),
    (
      {'devices': 'List\nabc\tdevice\n', 'ls': 'ls: /data/local/tmp/benchmark_model: No such file or directory'},
      'benchmark_model is needed',
    ),
  ],
)
def test_what_a_device_lacks_is_said(monkeypatch, answers, message):
  play(monkeypatch, answers)
  with pytest.raises(RuntimeMissingError, match=message):
    adb.measure([b''], np.zeros((1, 4, 4, 3)))


def test_without_adb_nothing_is_tried(monkeypatch):
  monkeypatch.setattr(adb.shutil, 'which', lambda name: None)
  with pytest.raises(RuntimeMissingError, match='adb is needed. Received: none on the PATH'):
    adb.measure([b''], np.zeros((1, 4, 4, 3)))
