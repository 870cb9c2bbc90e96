import contextlib
import functools
import hashlib
import http.server
import threading
import time

import pytest

from st_tf.arch.specs import SpecError
from st_tf.models import published
from st_tf.models.published import Published

CONTENT = b'weights' * 100
DIGEST = hashlib.md5(CONTENT).hexdigest()


class Site(http.server.BaseHTTPRequestHandler):
  """Serves CONTENT as weights.h5, less of it as short.h5, and as slow.h5 nothing for a while."""

  def do_GET(self):
    name = self.path.rpartition('/')[2]
    if name == 'slow.h5':
      time.sleep(1)
    self.send_response(404 if name == 'gone.h5' else 200)
    self.send_header('Content-Length', str(len(CONTENT)))
    self.end_headers()
    with contextlib.suppress(ConnectionError):  # Whoever asked for what is slow has gone.
      self.wfile.write(CONTENT[:50] if name == 'short.h5' else CONTENT)

  def log_message(self, *args):
    pass


@pytest.fixture(scope='module')
def site():
  server = http.server.ThreadingHTTPServer(('localhost', 0), Site)
  threading.Thread(target=functools.partial(server.serve_forever, 0.05), daemon=True).start()
  yield f'http://localhost:{server.server_port}/folder'
  server.shutdown()
  server.server_close()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path))
  monkeypatch.setattr(published, '_SECONDS', 0.3)
  return tmp_path


def test_a_file_is_fetched_once_to_where_keras_keeps_it(site, home, capsys):
  wanted = Published('weights.h5', site, DIGEST)
  assert published.at_hand(wanted) is None
  path = published.fetch(wanted)
  assert path == home / '.keras/models/weights.h5' == published.at_hand(wanted) and path.read_bytes() == CONTENT
  assert capsys.readouterr().out == f'Fetching {site}/weights.h5\n'


def test_the_same_weights_with_the_last_layers_are_as_good_where_they_are_at_hand(site):
  published.fetch(Published('weights.h5', site, DIGEST))
  assert published.at_hand(Published('no_top.h5', site, 'x', Published('weights.h5', site, DIGEST))).name == 'weights.h5'


def test_a_file_of_other_contents_than_were_published_is_refused(site, home):
  path = published.fetch(Published('weights.h5', site))
  path.write_bytes(b'half')
  with pytest.raises(
    SpecError, match=f'as they were published .MD5 {DIGEST}.. Received: {path}, which is not.*Remove it, or name it by --weights=FILE'
  ):
    published.at_hand(Published('weights.h5', site, DIGEST))
  assert published.at_hand(Published('weights.h5', site)) == path  # Keras knows no digest of it.


@pytest.mark.parametrize(
  'file, digest, message',
  [
    ('weights.h5', '0' * 32, f'other contents than were published .MD5 {DIGEST}, not {"0" * 32}'),
    ('gone.h5', '', 'HTTP Error 404'),
    ('short.h5', '', 'IncompleteRead'),
    ('slow.h5', '', 'no answer within 0.3 s or none that helps .*timed out'),
  ],
)
def test_what_cannot_be_had_leaves_nothing_and_says_what_to_put_where(site, home, file, digest, message):
  with pytest.raises(SpecError, match=message) as error:
    published.fetch(Published(file, site, digest))
  text = str(error.value)
  assert f'{site}/{file}' in text and f'reads {home}/.keras/models/{file}' in text
  assert text.endswith(f'Put {file} there, or name it by --weights=FILE; --weights=none begins with random ones.')
  assert not list(home.rglob('*.h5*'))


def test_without_a_network_the_error_comes_within_seconds(home):
  begun = time.monotonic()
  with pytest.raises(
    SpecError, match='fetches it from http://nowhere.invalid/folder/weights.h5 where it is not there. Received: no answer'
  ):
    published.fetch(Published('weights.h5', 'http://nowhere.invalid/folder'))
  assert time.monotonic() - begun < 5


def test_a_look_up_that_never_ends_is_not_waited_for(home, monkeypatch):
  monkeypatch.setattr(published.urllib.request, 'urlopen', lambda address, timeout: time.sleep(3))
  begun = time.monotonic()
  with pytest.raises(SpecError, match='Received: no answer within 0.3 s'):
    published.fetch(Published('weights.h5', 'http://nowhere.invalid'))
  assert time.monotonic() - begun < 2


def test_a_folder_that_cannot_be_written_is_told(site, home):
  (home / '.keras').write_text('a file in the way')
  with pytest.raises(SpecError, match='a folder that cannot be written'):
    published.fetch(Published('weights.h5', site, DIGEST))
