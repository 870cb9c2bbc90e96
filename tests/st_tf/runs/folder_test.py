import json

import numpy as np
import pytest

from st_tf import files
from st_tf.runs import folder


def test_a_folder_without_a_run_has_nothing(tmp_path):
  assert folder.digests(tmp_path) == {} and folder.tickets(tmp_path) == folder.rows(tmp_path)[0] == []
  assert not folder.is_finished(tmp_path)
  with pytest.raises(folder.WorkdirError, match=r'A first stage keeps its early weights\. Received: .* Remove that folder'):
    folder.early(tmp_path)


@pytest.mark.parametrize('content', ['{', '[1]'])
def test_damaged_digests_are_named(tmp_path, content):
  (tmp_path / folder.DIGESTS).write_text(content)
  with pytest.raises(folder.WorkdirError, match=r'contents\.json is what a run wrote\. Received: .* or remove that folder'):
    folder.digests(tmp_path)


def test_a_run_is_finished_while_its_tickets_are_there(tmp_path):
  ticket = tmp_path / folder.TICKETS / 'sparsity_0.5'
  ticket.mkdir(parents=True)
  (ticket / 'ticket.json').write_text('{}')
  (tmp_path / folder.FINISHED).write_text(json.dumps([ticket.name]))
  assert folder.is_finished(tmp_path) and folder.tickets(tmp_path) == [ticket]
  (ticket / 'ticket.json').unlink()
  assert not folder.is_finished(tmp_path)


def test_unfinished_rows_are_left_out_and_early_weights_come_back(tmp_path):
  (tmp_path / folder.METRICS).write_text('{"step": 3}\n{"st')
  assert folder.rows(tmp_path) == ([{'step': 3}], 1)
  files.write_arrays(tmp_path / folder.EARLY, {'a/kernel': np.ones(2, np.float32)})
  assert folder.early(tmp_path)['a/kernel'].tolist() == [1, 1]
