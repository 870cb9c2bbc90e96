"""A Ray cluster of two nodes on this machine, one of which can be lost."""

from collections.abc import Iterator
import contextlib
import os
import pathlib
import signal
from typing import Any

import psutil
import pytest


@contextlib.contextmanager
def two(monkeypatch: pytest.MonkeyPatch, caches: pathlib.Path) -> Iterator[tuple[Any, Any]]:
  """(The cluster, the node that is not its head); one processor each, and a cache each, of the folder `caches`."""
  pytest.importorskip('ray')
  from ray.cluster_utils import Cluster

  monkeypatch.setenv('RAY_USAGE_STATS_ENABLED', '0')
  own = [{'num_cpus': 1, 'env_vars': {'XDG_CACHE_HOME': str(caches / name)}} for name in ('head', 'other')]
  found = Cluster(initialize_head=True, head_node_args=own[0])
  try:
    yield found, found.add_node(**own[1])
  finally:
    import ray

    ray.shutdown()
    found.shutdown()


def lose(found: Any, node: Any) -> None:
  """A node is gone with all that runs on it."""
  gone = {child.pid for child in psutil.Process(node.all_processes['raylet'][0].process.pid).children(recursive=True)}
  found.remove_node(node, allow_graceful=False)
  for pid in gone:
    with contextlib.suppress(ProcessLookupError):
      os.kill(pid, signal.SIGKILL)
