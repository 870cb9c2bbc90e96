"""Files of weights that others have published: where Keras keeps them on this machine, and where it fetches them."""

from collections.abc import Iterator
import dataclasses
import hashlib
import http.client
import pathlib
import queue
import threading
from typing import Any
import urllib.request

from st_tf import files
from st_tf.arch.specs import SpecError

CACHE = pathlib.Path('~/.keras/models')
_SECONDS = 5.0  # Without an answer.


@dataclasses.dataclass(frozen=True)
class Published:
  """One file of weights.

  Attributes:
    file: its name.
    address: of the folder that it is fetched from; '' = nothing fetches it.
    digest: MD5 of what is in it; '' = Keras knows none.
    other: as good where it is at hand: the same weights with those of the last layers.
  """

  file: str
  address: str = ''
  digest: str = ''
  other: 'Published | None' = None

  @property
  def path(self) -> pathlib.Path:
    """Where Keras keeps it."""
    return CACHE.expanduser() / self.file

  @property
  def alternatives(self) -> Iterator['Published']:
    """It, and what is as good."""
    yield self
    if self.other:
      yield from self.other.alternatives


def at_hand(wanted: Published) -> pathlib.Path | None:
  """The file where Keras keeps it; None where it is not there.

  Raises:
    SpecError: it is there and has other contents than were published.
  """
  for one in wanted.alternatives:
    if one.path.is_file():
      try:
        content = one.path.read_bytes() if one.digest else b''
      except OSError as error:
        raise SpecError(f'Published weights can be read. Received: {one.path} ({error}). --weights=none begins without.') from error
      if one.digest and _md5(content) != one.digest:
        raise SpecError(
          f'Published weights are as they were published (MD5 {one.digest}). Received: {one.path}, which is not (MD5 {_md5(content)}).'
          ' Remove it, or name it by --weights=FILE if it is meant; --weights=none begins without.'
        )
      return one.path
  return None


def fetch(wanted: Published) -> pathlib.Path:
  """Fetches the file to where Keras keeps it; its path.

  Raises:
    SpecError: it cannot be had.
  """
  path, address = wanted.path, f'{wanted.address}/{wanted.file}'
  out = f'Put {wanted.file} there, or name it by --weights=FILE; --weights=none begins with random ones.'
  rule = f'--weights=imagenet reads {path}, and fetches it from {address} where it is not there.'
  print(f'Fetching {address}', flush=True)
  try:
    content = _content(address)
  except (OSError, http.client.HTTPException) as error:
    raise SpecError(
      f'{rule} Received: no answer within {_SECONDS:g} s or none that helps ({str(error) or type(error).__name__}). {out}'
    ) from error
  if wanted.digest and _md5(content) != wanted.digest:
    raise SpecError(f'{rule} Received: other contents than were published (MD5 {_md5(content)}, not {wanted.digest}). {out}')
  try:
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_bytes(path, content)
  except OSError as error:
    raise SpecError(f'{rule} Received: a folder that cannot be written ({error}). Name the file by --weights=FILE.') from error
  return path


def _content(address: str) -> bytes:
  """What is at an address; a look-up of its name, which knows no time limit, is waited for in vain no longer than for the rest."""
  answers: queue.Queue[Any] = queue.Queue()

  def ask() -> None:
    try:
      answers.put(urllib.request.urlopen(address, timeout=_SECONDS))
    except Exception as error:  # Raised again where it is waited for.
      answers.put(error)

  threading.Thread(target=ask, daemon=True).start()
  try:
    answer = answers.get(timeout=2 * _SECONDS)
  except queue.Empty:
    raise TimeoutError('no answer') from None
  if isinstance(answer, Exception):
    raise answer
  with answer:
    return answer.read()


def _md5(content: bytes) -> str:
  return hashlib.md5(content, usedforsecurity=False).hexdigest()
