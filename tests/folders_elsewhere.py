"""What the tests of folders on storage elsewhere share."""

import pathlib
import time

from st_tf import ownership


def write(folder: str | pathlib.Path, **contents: str) -> None:
  for name, text in contents.items():
    path = pathlib.Path(folder) / name.replace('__', '/')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def there(tmp_path) -> dict[str, str]:
  root = tmp_path / 'there' / 'run'
  found = {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob('*') if path.is_file()}
  return {name: text for name, text in found.items() if name != ownership.NAME}


def until(holds, seconds: float = 10) -> None:
  end = time.monotonic() + seconds
  while not holds():
    assert time.monotonic() < end
    time.sleep(0.02)
