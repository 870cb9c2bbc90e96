import tqdm.auto

from st_tf.runs.process import CALLED, Process


def test_a_program_that_calls_is_never_asked_to_stop_after_a_step():
  with CALLED.stopping() as asked:
    assert asked() == ''
  assert CALLED == Process() and CALLED.again == 'the same call' and CALLED.bar is tqdm.auto.tqdm


def test_progress_is_shown_on_a_terminal_only(capsys):
  assert list(CALLED.bar(range(3), 'epoch', 3, disable=None)) == [0, 1, 2]
  assert capsys.readouterr().err == ''
