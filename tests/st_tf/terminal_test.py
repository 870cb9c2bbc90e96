import io
import sys

from st_tf import terminal


def test_control_characters_are_written_out_and_line_breaks_stay():
  assert terminal.visible('a\x1b[2Jb\x07\tc\nd\r\x9b5') == 'a\\x1b[2Jb\\x07\tc\nd\r\\x9b5'
  assert terminal.visible('straße 鳥 é') == 'straße 鳥 é'
  assert terminal.visible('\u202egnp') == '\\u202egnp'


def test_a_command_prints_what_its_terminal_can_show(monkeypatch):
  streams = [io.TextIOWrapper(io.BytesIO(), encoding='ascii') for _ in range(2)]
  monkeypatch.setattr(sys, 'stdout', streams[0])
  monkeypatch.setattr(sys, 'stderr', streams[1])
  terminal.guard()
  print('cat\x1b]0;title\x07', 'é', '\udcff')
  print('bar', file=sys.stderr, end='\x1b[A\r', flush=True)
  sys.stdout.writelines(['a\x00', 'b\n'])
  sys.stdout.flush()
  assert streams[0].buffer.getvalue() == b'cat\\x1b]0;title\\x07 \\xe9 \\udcff\na\\x00b\n'
  assert streams[1].buffer.getvalue() == b'bar\x1b[A\r'
