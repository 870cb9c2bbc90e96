"""The list of commands is complete, and each of them is there."""

from st_tf import __main__ as commands
from tests.conformance.sources import ROOT, python_files


def test_every_command_has_a_line():
  files = [file for file in python_files('st_tf', 'tflite') if 'command.run(main)' in (ROOT / file).read_text(encoding='utf-8')]
  names = {file.removesuffix('.py').removesuffix('/__main__').replace('/', '.') for file in files} - {'st_tf'}
  assert names == set(commands._COMMANDS)


def test_the_lines_are_aligned(capsys):
  commands.main(['st_tf'])
  shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith('  python -m ')]
  assert len(shown) == len(commands._COMMANDS) and len({line.index(line[30:].lstrip()[:5]) for line in shown}) >= 1
  assert shown[0].startswith('  python -m st_tf.train ')
