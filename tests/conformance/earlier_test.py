"""What earlier versions have written still reads: configurations, tickets, workdirs, records.

`tests/data/earlier` was written before durations said their unit: a ticket, and the workdir of a run that was stopped after its first
epoch.
"""

import json
import shutil

import pytest

from st_tf.api import drawing
from st_tf.comparing.record import Records
from st_tf.config import Config, Identity
from st_tf.config.duration import epochs, share
from st_tf.runs.workdir import Workdir
from st_tf.ticket import Ticket
from tests import tiny
from tests.conformance.sources import ROOT

EARLIER = ROOT / 'tests' / 'data' / 'earlier'
RECORDS = sorted((ROOT / 'docs' / 'results' / 'comparison' / 'records').glob('*.json'))
CIFAR100 = {'train': 9000, 'validation': 4500, 'test': 5000}


@pytest.fixture
def begun(tmp_path, monkeypatch):
  """The earlier workdir, where its configuration finds its network."""
  shutil.copytree(EARLIER, tmp_path / 'earlier')
  monkeypatch.chdir(tmp_path / 'earlier')
  return tmp_path / 'earlier' / 'interrupted'


def test_a_configuration_says_what_it_said():
  config = Config.from_json((EARLIER / 'interrupted' / 'config.json').read_text())
  assert (config.training.warmup, config.pruning.prune_end, config.pruning.prune_begin) == (epochs(1.25), epochs(1.5), share(0.2))


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_in_its_folder(begun, capsys):
  config = Config.from_json((begun / 'config.json').read_text())
  (path,) = drawing.draw_into(tiny.task(), config, Workdir(begun, Identity.of(config)), delivered=False)
  assert 'Continuing at step 6 of 12.' in capsys.readouterr().out
  assert Ticket.load(path).sparsity == 0.5 and '"warmup": "1.25ep"' in (begun / 'config.json').read_text()


def test_a_ticket_is_loaded_and_saved_with_the_same_facts(tmp_path):
  ticket = Ticket.load(EARLIER / 'ticket')
  ticket.save(tmp_path / 'ticket')
  before, after = (json.loads((folder / 'ticket.json').read_text()) for folder in (EARLIER / 'ticket', tmp_path / 'ticket'))
  assert before == after and ticket.build_model().output_shape == (None, 3)


@pytest.mark.parametrize('path', RECORDS, ids=lambda path: path.stem)
def test_a_record_of_the_comparison_is_found_by_its_settings(path, tmp_path):
  shutil.copy(path, tmp_path)
  settings = json.loads(path.read_text())['settings']
  record = Records(tmp_path, CIFAR100).find(Identity.of(Config.from_flat(settings)))
  assert record is not None and record.metrics['validation']['top1'] > 0


def test_there_are_records():
  assert len(RECORDS) > 60
