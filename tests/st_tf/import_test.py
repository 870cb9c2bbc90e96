"""What `import st_tf` costs. Needs nothing of the checkout: .ci/check_wheel runs this file beside an installed wheel."""

import json
import re
import subprocess
import sys

LONGEST_SECONDS = 1.0
# What takes long to load, or speaks while it does.
HEAVY = ('absl', 'ai_edge_litert', 'keras', 'keras_tuner', 'matplotlib', 'tensorboard', 'tensorflow', 'tensorflow_datasets', 'tf_keras')

_SCRIPT = """
import json, sys, time
start = time.perf_counter()
import st_tf
seconds = time.perf_counter() - start
print(json.dumps({'seconds': seconds, 'modules': sorted(sys.modules), 'version': st_tf.__version__}))
"""


def _imported() -> dict:
  return json.loads(subprocess.run([sys.executable, '-c', _SCRIPT], capture_output=True, text=True, check=True).stdout)


def test_importing_takes_less_than_a_second():
  # The best of three: the first one reads files that are not in memory, and another process may be in the way.
  assert min(_imported()['seconds'] for _ in range(3)) < LONGEST_SECONDS


def test_importing_brings_no_tensorflow():
  assert not {name.split('.')[0] for name in _imported()['modules']} & set(HEAVY)


def test_the_version_is_that_of_a_release():
  assert re.fullmatch(r'\d+\.\d+\.\d+', _imported()['version'])
