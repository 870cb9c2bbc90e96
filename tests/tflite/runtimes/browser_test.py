"""What is missing is named; pages, packages and posts go over localhost and nothing else does."""

import socket
import urllib.error
import urllib.request

import pytest

from tflite.runtimes import browser


@pytest.fixture
def packages(monkeypatch, tmp_path):
  monkeypatch.setenv(browser.PACKAGE_VARIABLE, str(tmp_path / 'packages'))
  (tmp_path / 'packages').mkdir()
  (tmp_path / 'secret.js').write_text('not for you')
  return tmp_path / 'packages'


def test_what_is_missing_is_named_with_the_way_out(monkeypatch, packages):
  monkeypatch.setattr(browser, 'browser', lambda: 'chromium')
  assert browser.missing().startswith(f'LiteRT.js is needed. Received: none in {packages}. Run: make web')
  (packages / 'core' / 'dist').mkdir(parents=True)
  (packages / 'core' / 'dist' / 'index.js').write_text('')
  assert browser.missing() == ''
  monkeypatch.setattr(browser, 'browser', lambda: None)
  assert 'apt-get install chromium' in browser.missing()


def test_pages_and_packages_are_served_with_their_types(packages):
  (packages / 'one.wasm').write_bytes(b'code')
  with browser.served({'/': b'front', '/part.js': b'script', '/model': b'bytes'}) as address:
    for path, content, kind in (
      ('', b'front', 'text/html; charset=utf-8'),
      ('part.js?version=2', b'script', 'text/javascript; charset=utf-8'),
      ('model', b'bytes', 'application/octet-stream'),
      ('litert/one.wasm', b'code', 'application/wasm'),
    ):
      with urllib.request.urlopen(address + path) as answer:
        assert (answer.read(), answer.headers['Content-Type']) == (content, kind)


def test_what_is_not_a_page_is_not_served(packages):
  with browser.served({}) as address:
    for path in ('nothing', 'litert/../secret.js', 'litert/nothing.js', '../secret.js'):
      with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(address + path)
      assert error.value.code == 404, path


def test_what_is_posted_arrives(packages):
  posts = []
  with browser.served({}, on_post=posts.append) as address:
    urllib.request.urlopen(urllib.request.Request(address, data=b'result'))
  assert posts == [b'result']


def test_a_port_that_is_taken_is_an_error(packages):
  with browser.served({}) as address, pytest.raises(OSError), browser.served({}, int(address.rsplit(':', 1)[1].strip('/'))):
    pass


def test_other_sites_and_other_names_get_nothing(packages):
  posts = []
  with browser.served({'/': b'front'}, on_post=posts.append) as address:
    for headers, data in (
      ({'Host': 'evil.example'}, None),
      ({'Origin': 'http://evil.example'}, None),
      ({'Origin': 'http://evil.example'}, b'result'),
      ({'Host': 'evil.example'}, b'result'),
      ({'Content-Length': 'many'}, b'result'),
    ):
      with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(urllib.request.Request(address, data=data, headers=headers))
      assert error.value.code == 403 and not posts, headers


def test_a_forwarded_port_leads_here_too(packages):
  posts = []
  with browser.served({'/': b'front'}, on_post=posts.append) as address:
    headers = {'Host': 'localhost:9000', 'Origin': 'http://localhost:9000'}
    assert urllib.request.urlopen(urllib.request.Request(address, headers=headers)).read() == b'front'
    urllib.request.urlopen(urllib.request.Request(address, data=b'result', headers=headers))
    with pytest.raises(urllib.error.HTTPError):
      urllib.request.urlopen(urllib.request.Request(address, headers=headers | {'Origin': 'http://localhost:9001'}))
  assert posts == [b'result']


def test_what_nobody_waits_for_is_not_taken(packages):
  with browser.served({}) as address, pytest.raises(urllib.error.HTTPError) as error:
    urllib.request.urlopen(urllib.request.Request(address, data=b'result'))
  assert error.value.code == 403


@pytest.mark.parametrize(
  'path', ['/litert/\0', '/litert/' + 'a' * 5000, '/litert/../../../etc/passwd', '/litert/' + 'a/' * 3000, '/litert/', '/%00']
)
def test_odd_paths_are_not_found_and_the_server_goes_on(path, capsys):
  with browser.served({'/': b'front'}) as address:
    host = address.removeprefix('http://').rstrip('/')
    name, port = host.split(':')
    with socket.create_connection((name, int(port)), timeout=10) as connection:
      connection.sendall(f'GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n'.encode())
      assert b' 404 ' in connection.recv(100)
    assert urllib.request.urlopen(address, timeout=10).read() == b'front'
  assert 'Traceback' not in capsys.readouterr().err


@pytest.mark.parametrize('length', ['9' * 5000, '99999999999', '٣', '-1', 'x', ''])
def test_odd_lengths_of_a_post_are_refused(length, capsys):
  with browser.served({'/': b'front'}, on_post=lambda content: None) as address:
    host = address.removeprefix('http://').rstrip('/')
    name, port = host.split(':')
    with socket.create_connection((name, int(port)), timeout=10) as connection:
      connection.sendall(f'POST / HTTP/1.0\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n'.encode())
      assert b' 403 ' in connection.recv(100)
  assert 'Traceback' not in capsys.readouterr().err
