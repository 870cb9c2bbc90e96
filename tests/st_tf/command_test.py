import os
import signal
import subprocess
import sys

import pytest

from st_tf import command
from st_tf.errors import UserError


def _run(body: str, **environment: str) -> subprocess.CompletedProcess:
  script = f'import sys, os, time, warnings\nfrom st_tf import command, errors\ndef main(argv):\n  {body}\ncommand.run(main)\n'
  inherited = {name: value for name, value in os.environ.items() if name not in ('TF_CPP_MIN_LOG_LEVEL', 'TF_ENABLE_ONEDNN_OPTS')}
  return subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, env=inherited | environment)


@pytest.mark.parametrize(
  ('body', 'code', 'stderr'),
  [
    ('return None', 0, ''),
    ('return 3', 3, ''),
    ('raise SystemExit(0)', 0, ''),
    ('raise errors.UserError("A rule. Received: 3.")', command.BAD_INPUT, 'error: A rule. Received: 3.\n'),
    ('raise KeyboardInterrupt', command.INTERRUPTED, 'interrupted\n'),
    ('os.kill(os.getpid(), 15); time.sleep(9)', command.INTERRUPTED, 'interrupted\n'),
    ('raise BrokenPipeError', command.BROKEN_PIPE, ''),
  ],
)
def test_a_command_ends_with_a_code_and_at_most_one_line(body, code, stderr):
  done = _run(body)
  assert (done.returncode, done.stderr) == (code, stderr)


def test_a_fault_of_the_program_keeps_its_traceback():
  done = _run('raise ValueError("inside")')
  assert done.returncode == 1
  assert 'Traceback' in done.stderr and 'ValueError: inside' in done.stderr


def test_a_reader_that_goes_away_is_no_error():
  script = 'from st_tf import command\ndef main(argv):\n  for i in range(100000): print(i)\ncommand.run(main)\n'
  process = subprocess.Popen([sys.executable, '-c', script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
  process.stdout.readline()
  process.stdout.close()
  stderr = process.stderr.read()
  process.stderr.close()
  assert (process.wait(), stderr) == (command.BROKEN_PIPE, b'')


def test_own_packages_are_found_before_those_of_the_current_folder(tmp_path):
  for name in ('tasks', 'mine'):
    (tmp_path / f'{name}.py').write_text('')
  body = f'sys.path.insert(0, {str(tmp_path)!r}); import st_tf, tasks, tflite, mine'
  shown = 'for module in (st_tf, tasks, tflite, mine): print(os.path.dirname(module.__file__))'
  own, *found, mine = _run(f'{body}\n  {shown}').stdout.split()
  root = os.path.dirname(own)
  assert found == [os.path.join(root, 'tasks'), os.path.join(root, 'tflite')]
  assert mine == str(tmp_path)


def test_a_log_level_in_the_environment_stays():
  body = 'print(os.environ["TF_CPP_MIN_LOG_LEVEL"])'
  assert _run(body).stdout == '3\n'
  assert _run(body, TF_CPP_MIN_LOG_LEVEL='0').stdout == '0\n'


def test_onednn_is_on_unless_the_environment_says_otherwise():
  body = 'print(os.environ["TF_ENABLE_ONEDNN_OPTS"])'
  assert _run(body).stdout == '1\n'
  assert _run(body, TF_ENABLE_ONEDNN_OPTS='0').stdout == '0\n'


def test_warnings_of_other_libraries_are_silent_and_our_own_are_not():
  theirs = 'warnings.warn_explicit("theirs", UserWarning, "a.py", 1, "tf_keras.x")'
  ours = 'warnings.warn_explicit("ours", UserWarning, "b.py", 1, "st_tf")'
  stderr = _run(f'{theirs}; {ours}').stderr
  assert 'ours' in stderr and 'theirs' not in stderr


def test_all_errors_of_the_project_are_user_errors():
  from st_tf.arch.specs import SpecError
  from st_tf.config import ConfigError
  from st_tf.config.flags import FlagError
  from st_tf.task import TaskError

  assert all(issubclass(error, UserError) for error in (ConfigError, FlagError, SpecError, TaskError))


def test_the_command_line_can_be_given_again():
  assert command.line(['somewhere/train.py', '--task=x y']) == "python -m st_tf.train '--task=x y'"
  assert (command.again(False), command.again(True)) == ('the same command', 'the same command without --fresh')


def test_signals_wait_while_steps_are_taken(capsys):
  before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
  with command.stopping() as asked:
    assert asked() == ''
    for number in (signal.SIGTERM, signal.SIGINT):
      os.kill(os.getpid(), number)
      assert asked() == number.name
  assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))
  assert capsys.readouterr().err == '\nSIGTERM: stopping after this step.\n\nSIGINT: stopping after this step.\n'
