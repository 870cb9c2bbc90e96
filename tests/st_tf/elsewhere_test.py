"""Addresses: what they name, who may work there, and reading from there."""

import pathlib

import pytest

from st_tf import elsewhere
from st_tf.errors import UserError
from st_tf.ticket import Ticket
from tests.folders_elsewhere import write


def test_a_path_is_itself_and_an_address_is_none():
  assert not elsewhere.is_elsewhere('runs/here') and not elsewhere.is_elsewhere('') and elsewhere.is_elsewhere('s3://bucket/run')
  with elsewhere.worked_in('runs/here') as folder:
    assert folder == 'runs/here'
  assert elsewhere.fetched(pathlib.Path('runs/here')) == 'runs/here'


def test_machines_that_share_a_folder_mount_it(machine, address, monkeypatch):
  with pytest.raises(UserError, match=r'^--workdir is a folder that all who use it see\. Received: .*\. Mount it'):
    with elsewhere.worked_in(address, is_shared=True):
      pass
  with pytest.raises(UserError, match='^--stages is a folder'):
    elsewhere.check_here(workdir='here', stages=address)


def test_a_ticket_is_read_from_there(machine, tiny_ticket, address, tmp_path):
  tiny_ticket.save(tmp_path / 'there' / 'run')
  assert Ticket.load(address).fingerprint == tiny_ticket.fingerprint
  with pytest.raises(UserError, match='What is read is there'):
    Ticket.load(f'{address}/nothing')


def test_a_single_file_is_read_from_there(machine, address, tmp_path):
  write(tmp_path / 'there' / 'run', **{'config.json': '{}', 'large': 'left there'})
  assert elsewhere.fetched_file('runs/config.json') == 'runs/config.json'
  found = pathlib.Path(elsewhere.fetched_file(f'{address}/config.json'))
  assert found.read_text() == '{}' and not (found.parent / 'large').exists()
  write(tmp_path / 'there' / 'run', **{'config.json': '{ }'})
  assert pathlib.Path(elsewhere.fetched_file(f'{address}/config.json')).read_text() == '{ }'
  for name in ('config', 'none.json'):
    with pytest.raises(UserError, match=rf'What is read is there\. Received: .*run/{name}, where no file is'):
      elsewhere.fetched_file(f'{address}/{name}')
