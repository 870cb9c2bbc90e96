import sys
import types

from st_tf.runs.process import CALLED, Process, shown_bar


def test_a_program_that_calls_is_never_asked_to_stop_after_a_step():
  with CALLED.stopping() as asked:
    assert asked() == ''
  assert CALLED == Process() and CALLED.again == 'the same call' and CALLED.bar is shown_bar


def test_without_a_terminal_a_short_epoch_says_nothing(capsys):
  assert list(CALLED.bar(range(3), 'epoch', 3, disable=None)) == [0, 1, 2]
  assert capsys.readouterr() == ('', '')


def test_without_a_terminal_a_long_epoch_says_where_it_is_now_and_then(monkeypatch, capsys):
  clock = iter(range(0, 1000, 20))
  monkeypatch.setattr('st_tf.runs.process.time.monotonic', lambda: next(clock))
  bar = CALLED.bar(range(5), 'epoch 1/2', 8, leave=False, initial=3, disable=None, unit='step')
  for step in bar:
    bar.set_postfix(loss=f'{step}.0')
  assert capsys.readouterr().out.splitlines() == [
    'epoch 1/2: step 5 of 8, loss 1.0, 1 min 00 s left in it',
    'epoch 1/2: step 7 of 8, loss 3.0, 20.0 s left in it',
  ]


def test_a_notebook_shows_it_though_it_is_no_terminal(monkeypatch, capsys):
  monkeypatch.setitem(sys.modules, 'ipykernel', types.ModuleType('ipykernel'))
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  assert list(CALLED.bar(range(3), 'epoch 1/2', 3, disable=None)) == [0, 1, 2]
  assert 'epoch 1/2' in capsys.readouterr().err
