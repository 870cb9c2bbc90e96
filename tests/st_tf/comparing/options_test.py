"""What a comparison cannot be is said before TensorFlow is loaded."""

import pathlib

import pytest

from st_tf.comparing.options import Options, check, check_recorded, worked_in
from st_tf.config import ConfigError
from st_tf.config.request import Request
from st_tf.errors import UserError


@pytest.mark.parametrize(
  ('given', 'message'),
  [
    ({'seeds': 0}, '--seeds is at least 1. Received: 0'),
    ({'jobs': 0}, '--jobs is at least 1. Received: 0'),
    ({'learning_rates': (0.1, 0.1)}, '--learning_rates are different ones. Received: 0.1,0.1'),
    ({'budget': -1.0}, '--budget is not negative. Received: -1'),
    ({'cluster': 'auto', 'jobs': 2}, 'On a cluster as many run at a time as have room. Received: --cluster and --jobs=2'),
    ({'cpus_per_run': 0}, '--cpus_per_run is at least 1. Received: 0'),
    ({'cpus_per_run': 2}, '--cpus_per_run goes with --cluster. Received: no --cluster'),
    ({'gpus_per_run': 0.5}, '--gpus_per_run goes with --cluster. Received: no --cluster'),
    ({'cluster': 'auto', 'gpus_per_run': -1.0}, '--gpus_per_run is a number of whole GPUs, or a share of one. Received: -1'),
    ({'cluster': 'auto', 'gpus_per_run': 1.5}, 'or a share of one. Received: 1.5'),
  ],
)
def test_options_are_checked(given, message):
  with pytest.raises(UserError, match=message):
    Options(**given)


@pytest.mark.parametrize(
  ('given', 'tries', 'message'),
  [
    ({'method': 'rigl'}, False, 'A comparison takes --methods. Received: --method'),
    ({'sparsity': 0.5}, False, 'A comparison takes --sparsities. Received: --sparsity'),
    ({'learning_rate': 0.1}, True, 'Received: --learning_rates and --learning_rate'),
    ({'init_from': 'ticket'}, False, 'compared from their first weights on. Received: --init_from=ticket'),
  ],
)
def test_what_contradicts_a_comparison_is_refused(given, tries, message):
  with pytest.raises(ConfigError, match=message):
    check(Request.of(given), tries)


def test_one_learning_rate_for_all_is_fine():
  check(Request.of({'learning_rate': 0.1}), False)


@pytest.mark.parametrize('name', ['workdir', 'records'])
def test_what_is_collected_from_no_folder_is_refused(tmp_path, name):
  check_recorded(Options(**{name: str(tmp_path)}, collect=True))
  gone = {name: str(tmp_path / 'gone')}
  check_recorded(Options(**gone))
  with pytest.raises(ConfigError, match=rf'--collect makes a table .* Received: --{name}=.*gone, where no folder is\. Correct the path'):
    check_recorded(Options(**gone, collect=True))


def test_addresses_are_folders_here_meanwhile_and_what_is_inside_one_is_inside_the_other(machine, address):
  with worked_in(Options(workdir='runs/x', records='runs/x/records')) as here:
    assert (here.workdir, here.out, here.records) == ('runs/x', '', 'runs/x/records')
  other = f'{address}-2'
  with worked_in(Options(workdir=f'{address}/', out=other, records=f'{address}/records')) as here:
    assert here.records == f'{here.workdir}/records' and pathlib.Path(here.out).name == 'run-2'
    for folder in (here.workdir, here.out):
      (pathlib.Path(folder) / 'written').write_text(folder)
  there = pathlib.Path(address.removeprefix('file://'))
  assert (there / 'written').read_text() == here.workdir and (there.with_name('run-2') / 'written').read_text() == here.out
  with worked_in(Options(workdir=other, records=address, collect=True)) as read:
    assert (pathlib.Path(read.records) / 'written').read_text() == here.workdir and read.records != here.workdir
