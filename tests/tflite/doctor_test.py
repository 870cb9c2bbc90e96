"""What the command says."""

import pytest

from st_tf.errors import UserError
from tests.sparse_graphs import CASES, files
from tflite import doctor

BY_NAME = {case.name: case for case in CASES}


@pytest.mark.parametrize(
  ('name', 'code', 'first', 'more'),
  [
    ('residual', 0, 'sparse: 3 of 3 1x1 convolutions skip their zeros (90% of their weights)', ''),
    ('7x7 depthwise', 1, 'dense: none of 2 1x1 convolutions', 'a 7x7 depthwise convolution; use 3x3 or 5x5'),
  ],
)
def test_a_file_is_examined(name, code, first, more, tmp_path, capsys):
  path = tmp_path / 'model.tflite'
  path.write_bytes(next(files(BY_NAME[name])))
  assert doctor.main(['doctor', f'--model={path}']) == code
  shown = capsys.readouterr().out
  assert shown.startswith(first) and more in shown


def test_a_ticket_is_examined_as_it_would_be_exported(ticket_folder, capsys):
  assert doctor.main(['doctor', f'--ticket={ticket_folder}']) == 1
  shown = capsys.readouterr().out
  assert shown.startswith('dense: none of') and 'convolution' in shown


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ([], 'Received: neither'),
    (['--model=a', '--ticket=b'], 'Received: both'),
    (['--model=gone.tflite'], r'A \.tflite file is a file that can be read\. Received: gone\.tflite'),
    (['--model=none.tflite'], 'carries the identifier TFL3 in bytes 4 to 8. Received: none.tflite'),
    (['--ticket=gone'], r'A ticket is a folder with ticket\.json'),
  ],
)
def test_what_cannot_be_examined_is_said(arguments, message, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  (tmp_path / 'none.tflite').write_text('not a model')
  with pytest.raises(UserError, match=message):
    doctor.main(['doctor', *arguments])
