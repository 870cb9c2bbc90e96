"""The command of a run for documents: settings that are not the usual ones, with words for what lies on this machine."""

from collections.abc import Mapping
import pathlib
import shlex
from typing import Any

from st_tf.config import Config, named_files
from st_tf.config.config import with_units

# What a moved or fine-tuned ticket brings.
_DERIVED = {'fine_tune': ('sparsity',), 'transfer': ('sparsity', 'method', 'init_from', 'supernet')}


def of_run(given: Mapping[str, Any]) -> str:
  """The command that gives a ticket.

  Args:
    given: settings in the ticket's provenance.
  """
  given = with_units(given)
  usual, derived = Config().flat(), _DERIVED.get(given['method'], ())
  kind, colon, argument = given['task'].partition(':')
  hidden = {'init_from': 'TICKET', 'data_dir': 'FOLDER'} | ({'cost': 'latency:TABLE'} if given['cost'] != usual['cost'] else {})
  hidden |= {'supernet': 'FILE.json'} if pathlib.Path(given['supernet']).is_absolute() else {}
  hidden |= {'task': f'{kind}:FOLDER'} if colon and pathlib.Path(argument).is_absolute() else {}
  named = dict(given) | {name: named_files.without_folder(given[name]) for name in named_files.SETTINGS if name in given}
  chosen = {name: value for name, value in named.items() if name in usual and name not in derived and _plain(value) != _plain(usual[name])}
  words = [f'--{name}={hidden.get(name) or _plain(value)}' for name, value in chosen.items()]
  is_moved = given['method'] == 'transfer'
  return shlex.join(['python', '-m', 'st_tf.transfer' if is_moved else 'st_tf.train', *['--ticket=TICKET'] * is_moved, *words])


def public(given: Mapping[str, Any]) -> dict[str, Any]:
  """Settings in a ticket's provenance, of files and folders of this machine the names only."""
  named = {name: named_files.without_folder(given[name]) for name in (*named_files.SETTINGS, 'task') if name in given}
  return dict(given) | named | {'data_dir': '', 'init_from': ''}


def _plain(value: Any) -> str:
  return ','.join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
