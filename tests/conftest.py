"""What every test shares: quiet libraries, the data sets for measuring where they are, a small ticket."""

import contextlib
import dataclasses
import os
import pathlib
import signal

import hypothesis
import numpy as np
import pytest

# TensorFlow reads these once, when it is first imported, so they are set before any test file is.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
os.environ.setdefault('ABSL_MIN_LOG_LEVEL', '3')
os.environ.setdefault('MPLBACKEND', 'Agg')
os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '1')  # As commands do.
if 'PYTEST_XDIST_WORKER' in os.environ:
  # Several workers with a thread per core each would only wait for each other.
  os.environ.setdefault('TF_NUM_INTRAOP_THREADS', '1')

# The same examples at every run, nothing left in the folder; machines are busy at times.
hypothesis.settings.register_profile('project', derandomize=True, database=None, deadline=None, max_examples=40)
hypothesis.settings.load_profile('project')

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEIGHT = WIDTH = 32
KEPT = (0, 3, 4, 9)


@pytest.fixture(scope='session')
def data_dir() -> pathlib.Path:
  """The folder with the measuring data (tfds/, camvid/, lsp_extended/): $ST_TF_DATA, or beside the checkout; else skips."""
  named = os.environ.get('ST_TF_DATA')
  folder = pathlib.Path(named).expanduser() if named else ROOT.parent / 'shared' / 'data'
  if named and not folder.is_dir():
    pytest.fail(f'ST_TF_DATA names a folder. Received: {named!r}.')
  if not folder.is_dir():
    pytest.skip('no measuring data here: set ST_TF_DATA to its folder')
  return folder


@pytest.fixture(scope='session')
def shapes():
  """The procedural task."""
  from st_tf import task

  return task.load('shapes', task.DataConfig(train_examples=200))


@pytest.fixture(scope='session')
def tiny_ticket(shapes):
  """A searched and masked ticket for `shapes`, never trained."""
  from st_tf.arch.presets import PRESETS
  from st_tf.arch.specs import BlockSpec
  from st_tf.config import Config
  from st_tf.models import build, cost, named_variables
  from st_tf.ticket import Costs, Provenance, TaskFacts, Ticket

  supernet = PRESETS['tiny']
  searched = {'stage2/branch0/block0': BlockSpec(((5, len(KEPT)),)), 'stage2/fuse/0to0': BlockSpec((), shift=True)}
  arch = supernet.with_searched(searched)
  shape = (HEIGHT, WIDTH, 3)
  model = build(arch, shapes.head, shape, seed=1)
  weights = {name: variable.numpy() for name, variable in named_variables(model).items()}
  rng = np.random.default_rng(0)
  masks = {name: rng.random(value.shape) < 0.2 for name, value in weights.items() if name.endswith(('expand/kernel', 'project/kernel'))}
  weights |= {name: weights[name] * mask for name, mask in masks.items()}
  found, whole = cost.of(model, masks), cost.of(build(supernet, shapes.head, shape))
  prunable = sum(mask.size for mask in masks.values())
  return Ticket(
    arch=arch,
    supernet=supernet,
    head=shapes.head,
    input_shape=shape,
    weights=weights,
    masks=masks,
    survivors={'stage2/branch0/block0/k5': list(KEPT)},
    task=TaskFacts(
      name=shapes.name,
      labels=tuple(shapes.labels),
      mean=tuple(shapes.mean),
      deviation=tuple(shapes.deviation),
      primary_metric='top1',
      image_size=tuple(shapes.image_size),
    ),
    sparsity=0.8,
    metrics=_metrics(shapes.labels),
    cost=Costs(
      params=found.params,
      macs=found.macs,
      nonzero_params=found.nonzero_params,
      nonzero_macs=found.nonzero_macs,
      supernet_params=whole.params,
      supernet_macs=whole.macs,
      prunable=prunable,
      zeros=prunable - sum(int(mask.sum()) for mask in masks.values()),
      supernet_prunable=2 * prunable,
      supernet_zeros=int(1.8 * prunable),
    ),
    provenance=Provenance(
      method='supertickets',
      config=dataclasses.replace(Config(), task='shapes', seed=5).flat(),
      command='python -m st_tf.train --task=shapes --seed=5',
      versions={'numpy': np.__version__},
      seconds=61.0,
    ),
  )


@pytest.fixture(scope='session')
def small_ticket(tiny_ticket):
  """`tiny_ticket` with a network that takes a tenth of the time to build; it has a shift and a grouped convolution too."""
  from st_tf.arch.specs import ArchSpec, BlockSpec, StageSpec
  from st_tf.models import build, cost, named_variables

  stages = StageSpec((1,), (4,)), StageSpec((0, 0), (4, 6))
  supernet = ArchSpec(stages, stem_channels=(4, 4), head_channels=(4, 6), last_channel=8, kernels=(3,), expansion=2, dropout=0.0)
  arch = supernet.with_searched({'stage2/fuse/0to0': BlockSpec((), shift=True)})
  model = build(arch, tiny_ticket.head, tiny_ticket.input_shape, seed=1)
  weights = {name: variable.numpy() for name, variable in named_variables(model).items()}
  masks = {name: np.arange(value.size).reshape(value.shape) % 2 == 0 for name, value in weights.items() if name.endswith('expand/kernel')}
  weights |= {name: weights[name] * mask for name, mask in masks.items()}
  found = cost.of(model, masks)
  counted = {name: getattr(found, name) for name in ('params', 'macs', 'nonzero_params', 'nonzero_macs')}
  costs = dataclasses.replace(tiny_ticket.cost, **counted)
  return dataclasses.replace(tiny_ticket, arch=arch, supernet=supernet, weights=weights, masks=masks, survivors={}, cost=costs)


@pytest.fixture(scope='session')
def speck_ticket(tiny_ticket):
  """The same of `tests.tiny.SPECK`: quick to build and to convert."""
  from st_tf.arch.specs import BlockSpec
  from st_tf.models import build, named_variables
  from tests import tiny

  searched = {'stage1/fuse/0to0': BlockSpec((), shift=True), 'head/increase0': BlockSpec(((3, len(KEPT)),))}
  arch = tiny.SPECK.with_searched(searched)
  model = build(arch, tiny_ticket.head, tiny_ticket.input_shape, seed=10)  # It scores better than one answer for all.
  weights = {name: variable.numpy() for name, variable in named_variables(model).items()}
  rng = np.random.default_rng(0)
  masks = {name: rng.random(value.shape) < 0.4 for name, value in weights.items() if name.endswith(('expand/kernel', 'project/kernel'))}
  weights |= {name: weights[name] * mask for name, mask in masks.items()}
  survivors = {'head/increase0/k3': [0, 3, 4, 6]}
  return dataclasses.replace(tiny_ticket, arch=arch, supernet=tiny.SPECK, weights=weights, masks=masks, survivors=survivors)


@pytest.fixture(scope='session')
def speck_folder(speck_ticket, tmp_path_factory):
  """That ticket as a folder."""
  folder = tmp_path_factory.mktemp('specks') / 'sparsity_0.8'
  speck_ticket.save(folder)
  return folder


@pytest.fixture(scope='session')
def mobile_network():
  """The mobile preset as a classifier with random weights; it stays as it is."""
  from st_tf.arch.presets import PRESETS
  from st_tf.arch.specs import HeadSpec
  from tests.graphs import random_network

  return random_network(PRESETS['mobile'], HeadSpec('classification', 10), 64, 0.9)


@pytest.fixture(scope='session')
def ticket_folder(tiny_ticket, tmp_path_factory):
  """The ticket as a folder."""
  folder = tmp_path_factory.mktemp('tickets') / 'sparsity_0.8'
  tiny_ticket.save(folder)
  return folder


@pytest.fixture(scope='session')
def trained_file(tmp_path_factory):
  """A small trained network in a file of Keras, for five classes of small pictures; `--supernet=keras:FILE` names it."""
  from tests import networks, tiny

  path = tmp_path_factory.mktemp('trained') / 'small.keras'
  networks.residual(tiny.SIDE, blocks=1).save(path)
  return path


@pytest.fixture(scope='session')
def trained_ticket(trained_file, tmp_path_factory):
  """(folder of a ticket that was drawn from it in a short run, its task, its settings), with test scores, model file and report."""
  from st_tf.api import drawing
  from st_tf.runs.workdir import Workdir
  from tests import tiny

  task, config = drawing.prepared(tiny.of_file(trained_file), tiny.task())
  (folder,) = drawing.draw_into(task, config, Workdir(tmp_path_factory.mktemp('trained') / 'run', config))
  return folder, task, config


@pytest.fixture(scope='session')
def speck(tmp_path_factory):
  """The file of `tests.tiny.SPECK`, as `--supernet` names it."""
  from st_tf.arch import presets
  from tests import tiny

  path = tmp_path_factory.mktemp('speck') / 'speck.json'
  path.write_text(presets.to_text(tiny.SPECK))
  return path


def _metrics(labels):
  return {
    'validation': {'top1': 0.75, 'top5': 0.95, 'loss': 0.9},
    'test': {'top1': 0.7, 'top5': 0.94, 'loss': 1.0},
    'per_class': {label: {'count': 100, 'top1': i / 10} for i, label in enumerate(labels)},
  }


@pytest.fixture
def interruptible_process():
  """Also where the tests are a background job, of which a shell has the system ignore Ctrl-C."""
  before = signal.signal(signal.SIGINT, signal.default_int_handler)
  yield
  signal.signal(signal.SIGINT, before)


@pytest.fixture
def nodes(monkeypatch, tmp_path):
  """(A Ray cluster of two nodes on this machine, the node that is not its head); skips where there is no Ray."""
  from tests import ray_nodes

  with ray_nodes.two(monkeypatch, tmp_path / 'caches') as found:
    yield found


@pytest.fixture
def cache(tmp_path, monkeypatch):
  """Where Keras keeps weights: an empty folder."""
  monkeypatch.setenv('HOME', str(tmp_path))
  folder = tmp_path / '.keras' / 'models'
  folder.mkdir(parents=True)
  return folder


@pytest.fixture
def machine(tmp_path, monkeypatch):
  """Makes this process one of another machine, with nothing in its cache."""

  def on(name: str) -> None:
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / name))

  on('first')
  return on


@pytest.fixture
def address(tmp_path):
  (tmp_path / 'there').mkdir()
  return f'file://{tmp_path / "there"}/run'


@pytest.fixture
def quick(monkeypatch):
  """Looks and tries without waiting long."""
  from st_tf import mirror

  monkeypatch.setattr(mirror, '_SECONDS', 0.05)
  monkeypatch.setattr(mirror, 'PAUSES', (0.01, 0.01))


@pytest.fixture
def bucket(monkeypatch):
  """Address of a bucket of a local server that speaks S3."""
  import fsspec
  from moto.server import ThreadedMotoServer

  for name, value in {'AWS_ACCESS_KEY_ID': 'me', 'AWS_SECRET_ACCESS_KEY': 'secret', 'AWS_DEFAULT_REGION': 'us-east-1'}.items():
    monkeypatch.setenv(name, value)
  server = ThreadedMotoServer(port=0)
  server.start()
  try:
    host, port = server.get_host_and_port()
    monkeypatch.setenv('AWS_ENDPOINT_URL', f'http://{host}:{port}')
    fsspec.get_filesystem_class('s3').clear_instance_cache()  # Which know the server of a test before.
    with contextlib.suppress(FileExistsError):
      fsspec.filesystem('s3', skip_instance_cache=True).mkdir('bucket')
    yield 's3://bucket'
  finally:
    server.stop()
