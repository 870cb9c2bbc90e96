"""A Ray cluster of two nodes on this machine, one of which can be lost."""

from collections.abc import Iterator
import contextlib
import os
import signal
from typing import Any

import psutil
import pytest


@contextlib.contextmanager
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
  """(The cluster, the node that is not its head); one processor each."""
  pytest.importorskip('ray')
  from ray.cluster_utils import Cluster

  monkeypatch.setenv('RAY_USAGE_STATS_ENABLED', '0')
  found = Cluster(initialize_head=True, head_node_args={'num_cpus': 1})
  try:
    yield found, found.add_node(num_cpus=1)
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
