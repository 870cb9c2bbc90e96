"""What reads files, texts and variables of others: each with inputs that are right, and with the errors that it may answer with."""

from collections.abc import Callable, Sequence
import contextlib
import dataclasses
import io
import json
import pathlib
import shutil
from typing import Any

import numpy as np

from st_tf import files, plain, workers
from st_tf.arch import block_maps, genome, specs
from st_tf.arch.graph import Graph
from st_tf.arch.latency import LatencyTable
from st_tf.arch.space_latency import SpaceTable
from st_tf.comparing.record import Record, Records
from st_tf.config import Config, Identity
from st_tf.config.config import parse
from st_tf.errors import UserError
from st_tf.runs import folder as runs
from st_tf.runs.checkpoints import Checkpoints
from st_tf.ticket import Ticket
from st_tf.ticket.facts import TrainingCost
from st_tf.training.state import State
from tasks._coco import annotations, detections
from tests import graphs, networks, space_tables, tiny
from tflite import exports
from tflite.deploy.emit import emit
from tflite.file import described, flat, pixels, sparse_rules
from tflite.file.encode import encode
from tflite.file.picture import picture

TICKET = pathlib.Path(__file__).parents[1] / 'data' / 'earlier' / 'ticket'
_BLOCKS, _FIXED, _RUNS = (5, 3), (True, False), ('first', 'second')


@dataclasses.dataclass(frozen=True)
class Parser:
  """A reader of one kind of input.

  Attributes:
    read: reads an input; what it writes goes into its folder.
    seeds: inputs that it reads.
    errors: what it may raise, with a message for whoever gave the input.
  """

  read: Callable[[bytes], Any]
  seeds: Sequence[bytes]
  errors: tuple[type[Exception], ...] = (UserError,)


def parsers(folder: pathlib.Path) -> dict[str, Parser]:
  """All of them, by name; each has a folder of its own inside of `folder`."""
  found = {}
  for name, make in _MAKERS.items():
    own = folder / name.replace(' ', '_')
    own.mkdir(parents=True)
    found[name] = make(own)
  return found


def _written(folder: pathlib.Path, name: str, read: Callable[[pathlib.Path], Any]) -> Callable[[bytes], Any]:
  def reader(content: bytes) -> Any:
    assert folder.is_dir(), f'{folder} is gone'  # Else every input would be refused.
    (folder / name).write_bytes(content)
    return read(folder / name)

  return reader


def _ticket(folder: pathlib.Path) -> Parser:
  shutil.copytree(TICKET, folder, dirs_exist_ok=True)
  return Parser(_written(folder, 'ticket.json', lambda path: Ticket.load(folder)), [(TICKET / 'ticket.json').read_bytes()])


def _weights(folder: pathlib.Path) -> Parser:
  shutil.copytree(TICKET, folder, dirs_exist_ok=True)
  name = 'weights.safetensors'
  return Parser(_written(folder, name, lambda path: Ticket.load(folder)), [(TICKET / name).read_bytes()])


def _npz(folder: pathlib.Path) -> Parser:
  buffers = [io.BytesIO(), io.BytesIO()]
  for save, buffer in zip((np.savez, np.savez_compressed), buffers):
    save(buffer, **{'a/kernel': np.ones((2, 3), np.float32), 'b': np.arange(4, dtype=np.float16), 'c': np.zeros((), np.int64)})
  return Parser(
    _written(folder, 'weights.npz', files.read_npz), [buffer.getvalue() for buffer in buffers], (ValueError, OSError, UserError)
  )


def _configuration(folder: pathlib.Path) -> Parser:
  def read(content: bytes) -> Any:
    return Config.from_flat(parse(content))

  one = tiny.config().flat()
  return Parser(read, [json.dumps(one, default=str).encode(), json.dumps(tiny.SETTINGS).encode()])


def _architecture(folder: pathlib.Path) -> Parser:
  seeds = [json.dumps(arch.to_json()).encode() for arch in (tiny.ARCH, tiny.SPECK)]
  return Parser(specs.ArchSpec.from_json, [tiny.SUPERNET.read_bytes(), *seeds])


def _graph(folder: pathlib.Path) -> Parser:
  return Parser(Graph.from_json, [json.dumps(networks.inverted(residual).to_json()).encode() for residual in (False, True)])


def _text(read: Callable[[str], Any]) -> Callable[[bytes], Any]:
  return lambda content: read(content.decode('utf-8', 'surrogateescape'))


def _genome(folder: pathlib.Path) -> Parser:
  blocks = [genome.Block(3, 16, 8, False, 'relu', True), genome.Block(5, 24, 8, True, 'hard_swish', False)]
  right = genome.Genome(8, (tuple(blocks), tuple(blocks[1:])), 32)
  return Parser(_text(genome.Genome.from_text), [right.to_text().encode()])


def _block_map(folder: pathlib.Path) -> Parser:
  def read(text: str) -> Any:
    return block_maps.parsed(text, _BLOCKS, _FIXED, _RUNS)

  return Parser(_text(read), [b'0:0; 1:1,2; 2:3; 3:4,5; 4:6|0:0,1; 1:2; 2:3', b'0:0; 1:1|', b'|0:0; 1:1; 2:2,3,4'])


def _latency(folder: pathlib.Path) -> Parser:
  path = tiny.write_table(folder / 'seed.json', tiny.SPECK, ['a/k3', 'b/k3'], [(4, 1.0), (8, 3.0)], base=0.5)
  return Parser(_written(folder, 'table.json', LatencyTable.load), [path.read_bytes()])


def _space_latency(folder: pathlib.Path) -> Parser:
  path = space_tables.write(folder / 'seed.json', 'mobilenet3_mt_tiny', 8, 3, 20)
  return Parser(_written(folder, 'table.json', SpaceTable.load), [path.read_bytes()])


def _record(folder: pathlib.Path) -> Parser:
  scores, examples = {'test': {'top1': 0.5}, 'validation': {'top1': 0.51}}, {'train': 100, 'validation': 20, 'test': 30}
  cost = {'nonzero_macs': 2_000_000, 'macs': 9_000_000, 'nonzero_params': 30_000, 'params': 90_000}
  kept = Record('0f3a', scores, cost, TrainingCost(16.0, 4_000_000_000, 60.0), 100_000, examples)
  Records(folder, examples).keep(Identity.of(tiny.config()), kept)
  (path,) = folder.iterdir()
  sealed = path.read_bytes()
  path.unlink()
  facts = plain.unsealed(json.loads(sealed))
  return Parser(_written(folder, 'record.json', lambda path: Records(folder, examples)), [sealed, json.dumps(facts).encode()])


def _checkpoint(folder: pathlib.Path) -> Parser:
  arrays = {'value/kernel': np.ones((2, 3), np.float32)}
  facts = {'arch': tiny.SPECK.to_json(), 'step': 6, 'iterations': 6, 'requested': 0.5, 'final': False, 'survivors': {'a/k3': [0, 1]}}
  made = Checkpoints(folder, 2)
  made.save(State(facts, arrays))
  (path,) = folder.glob('0*')
  earlier = json.dumps(facts | {'digest': files.digest(arrays)}).encode()

  def read(content: bytes) -> Any:
    for broken in folder.glob('broken_*'):
      broken.rename(path)
    (path / 'state.json').write_bytes(content)
    with contextlib.redirect_stderr(io.StringIO()):
      return made.latest()

  return Parser(read, [(path / 'state.json').read_bytes(), earlier])


def _history(folder: pathlib.Path) -> Parser:
  rows = [
    {'event': 'epoch', 'epoch': 1, 'step': 6, 'loss': 1.25, 'validation': {'top1': 0.5}, 'seconds': 2.5},
    {'event': 'prune', 'step': 7},
  ]
  sealed, bare = ''.join(map(runs.row_line, rows)).encode(), '\n'.join(map(json.dumps, rows)).encode()
  return Parser(_written(folder, runs.METRICS, lambda path: runs.rows(folder)), [sealed, bare])


def _annotations(folder: pathlib.Path) -> Parser:
  person = {
    'id': 1,
    'image_id': 1,
    'category_id': 1,
    'iscrowd': 0,
    'num_keypoints': 2,
    'keypoints': [5.25, 9, 2, 8, 20.5, 1],
    'area': 300.5,
  }
  content = {
    'images': [{'id': 1, 'file_name': '1.png', 'width': 60, 'height': 40}, {'id': 2, 'file_name': 'b/2.png', 'width': 60, 'height': 40}],
    'annotations': [person | {'bbox': [3, 5, 14, 30]}, person | {'id': 2, 'image_id': 2, 'bbox': [3, 5, 14.5, 30]}],
    'categories': [{'id': 1, 'name': 'person', 'keypoints': ['left_hip', 'right_hip'], 'skeleton': [[1, 2]]}],
  }
  return Parser(_written(folder, 'a.json', lambda path: annotations(path, folder)), [json.dumps(content).encode()])


def _detections(folder: pathlib.Path) -> Parser:
  content = [{'image_id': image, 'category_id': 1, 'bbox': [2.25, 5, 14, 30], 'score': 0.5} for image in range(3)]
  return Parser(_written(folder, 'boxes.json', lambda path: detections(path, 1)), [json.dumps(content).encode()])


def _exported(folder: pathlib.Path) -> Parser:
  facts = {'ticket': 'abc', 'format': 'int8', 'sparse': False, 'storage': 'so', 'bytes': 12, 'gzipped': 9, 'wasm_milliseconds': [2.5, None]}
  (folder / 'model.tflite').write_bytes(b'')
  content = json.dumps(facts | {'validation': {'top1': 0.8}, 'ticket_validation': {'top1': 0.8}}).encode()
  return Parser(
    _written(folder, 'model.export.json', lambda path: list(exports.lines(exports.beside(folder, 'abc')))), [content], errors=()
  )


def _workers(folder: pathlib.Path) -> Parser:
  cluster = {'chief': ['one:2222'], 'worker': ['two:2222', 'three:2222']}
  seeds = [json.dumps({'cluster': cluster, 'task': {'type': kind, 'index': 0}}).encode() for kind in cluster]
  return Parser(_text(lambda text: workers.here({workers.VARIABLE: text})), seeds)


def _model(folder: pathlib.Path) -> Parser:
  random = np.random.default_rng(0)
  kernel = random.normal(size=(3, 32)) * (random.random((3, 32)) > 0.8)
  layers = graphs.conv('a', 'image', random.normal(size=(3, 3, 3, 3)), stride=2), graphs.conv('b', 'a', kernel)
  function = emit(graphs.graph(graphs.image(), *layers))
  seeds = [encode(function, (6, 6, 3), sparse=sparse) for sparse in (False, True)]

  def read(content: bytes) -> Any:
    model = flat.read(content, 'the file')
    sparse_rules.diagnose(model)
    described.labels(content)
    described.normalization(content)
    pixels.begins_with_bytes(model)
    return picture(model, 'the file')

  return Parser(read, seeds)


_MAKERS: dict[str, Callable[[pathlib.Path], Parser]] = {
  'ticket': _ticket,
  'weights of a ticket': _weights,
  'weights in .npz': _npz,
  'configuration': _configuration,
  'architecture': _architecture,
  'graph of a network': _graph,
  'genome': _genome,
  'block map': _block_map,
  'latency table': _latency,
  'latency table of a space': _space_latency,
  'record of a comparison': _record,
  'checkpoint': _checkpoint,
  'history of a run': _history,
  'annotations': _annotations,
  'detections': _detections,
  'facts of an export': _exported,
  'TF_CONFIG': _workers,
  'tflite file': _model,
}
