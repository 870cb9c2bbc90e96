"""Work that is interrupted ends where it says, and not somewhere."""

import _thread
import time

import pytest

from st_tf.api.interruptible import interruptible
from st_tf.errors import Interrupted, UserError

pytestmark = pytest.mark.usefixtures('interruptible_process')


def test_what_the_work_returns_is_returned():
  assert interruptible(lambda process: process.command, 'the call') == 'the call'


def test_its_errors_come_out_as_they_are():
  def fail(process):
    raise UserError('no')

  with pytest.raises(UserError, match='^no$'):
    interruptible(fail, '')


def test_an_interruption_asks_the_work_to_stop_and_waits_until_it_has(capsys):
  steps = []

  def work(process):
    with process.stopping() as stop:
      while not stop():
        steps.append(len(steps))
        if len(steps) == 3:
          _thread.interrupt_main()
        time.sleep(0.05)
      raise Interrupted(f'{stop()}: {process.again} continues from step {len(steps)}.')

  with pytest.raises(KeyboardInterrupt, match='Interrupted: the same call continues from step'):
    interruptible(work, '')
  assert len(steps) >= 3 and 'stopping after this step' in capsys.readouterr().err


def test_an_interruption_after_the_last_step_is_one_all_the_same():
  def work(process):
    time.sleep(0.2)
    _thread.interrupt_main()
    time.sleep(1)
    return 'done'

  with pytest.raises(KeyboardInterrupt, match='when all was done; the same call gives it'):
    interruptible(work, '')


def test_what_forgets_goes_on_by_another_call():
  assert interruptible(lambda process: process.again, '', fresh=True) == 'the same call without fresh=True'
