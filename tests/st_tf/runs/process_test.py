import sys
import types

from st_tf.runs.process import CALLED, Process, shown_bar


def test_a_program_that_calls_is_never_asked_to_stop_after_a_step():
  with CALLED.stopping() as asked:
    assert asked() == ''
  assert CALLED == Process() and CALLED.again == 'the same call' and CALLED.bar is shown_bar


def test_progress_is_shown_on_a_terminal_only(capsys):
  assert list(CALLED.bar(range(3), 'epoch', 3, disable=None)) == [0, 1, 2]
  assert capsys.readouterr().err == ''


def test_a_notebook_shows_it_though_it_is_no_terminal(monkeypatch, capsys):
  monkeypatch.setitem(sys.modules, 'ipykernel', types.ModuleType('ipykernel'))
  monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
  assert list(CALLED.bar(range(3), 'epoch 1/2', 3, disable=None)) == [0, 1, 2]
  assert 'epoch 1/2' in capsys.readouterr().err
