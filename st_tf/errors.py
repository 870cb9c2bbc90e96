"""What went wrong through no fault of the program, and the nearest known name.

Every error a user can cause is a `UserError`: command lines print its message alone, and keep the traceback of all others.
"""

from collections.abc import Iterable
import difflib

_BEGINNING, _END = 3000, 1000  # Characters of a message, whose middle is left out where it repeats what somebody's file has.


class UserError(ValueError):
  """Something the user can put right; its message says the rule, what was received, and the way out."""

  def __init__(self, *told: object):
    super().__init__(*(_shortened(entry) if isinstance(entry, str) else entry for entry in told))


class Interrupted(Exception):
  """Something asked a run to stop; its state is saved, and the message says how it goes on."""


class NothingLeft(Exception):
  """Other processes go on with a run; this one has done its part of it, and draws no ticket."""


def did_you_mean(name: str, known: Iterable[str], prefix: str = '') -> str:
  """' Did you mean NEAREST?' with `prefix` before the nearest of the `known` names, or '' when none is near."""
  known = list(known)
  initials = {''.join(word[:1] for word in entry.split('_')): entry for entry in known if '_' in entry}
  close = difflib.get_close_matches(name.lower(), known, 1) or ([initials[name]] if name in initials else [])
  return f' Did you mean {prefix}{close[0]}?' if close else ''


def _shortened(text: str) -> str:
  return text if len(text) <= _BEGINNING + _END else f'{text[:_BEGINNING]} ... {text[-_END:]}'
