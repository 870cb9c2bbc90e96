"""Measures what each operation of a supernet takes: python -m tflite.latency_table --supernet=mobile --image_size=224 --out=FILE

A search that is told --cost=latency:FILE then trades accuracy for milliseconds on that runtime. An operation of a preset is one
(block, kernel): expansion, depthwise convolution, projection; of a network by name or by file it is a layer with its padding and
activation. Of a space of --method=menas whole networks are measured, by --space=NAME, and what any of its networks takes is fitted to
them. The same command continues a table that was interrupted.
"""

from collections.abc import Iterator, Sequence
import dataclasses
import json
import pathlib
import platform
from typing import Any

import tqdm

from st_tf import command, plain, quiet
from st_tf.arch import presets
from st_tf.arch.genome import Site
from st_tf.arch.graph import Architecture, Graph
from st_tf.arch.space_latency import FEWEST, SpaceTable
from st_tf.arch.spaces import SPACES
from st_tf.arch.specs import HEADS, HeadSpec
from st_tf.config import flags
from st_tf.config.config import PADDINGS
from st_tf.errors import UserError
from st_tf.files import expanded, write_bytes
from tflite.runtimes.measured import RuntimeMissingError
from tflite.runtimes.named import RUNTIMES, Runtime

_RUNTIMES = tuple(name for name, runtime in RUNTIMES.items() if runtime.has_latencies)
_OF_SUPERNETS = ('supernet', 'padding', 'fractions')
_SPARSE_BELOW = 1 / 3  # Runtimes skip zeros where less than a third of a kernel is left.


@dataclasses.dataclass(frozen=True)
class Options:
  """What to measure, where."""

  supernet: str = dataclasses.field(
    default='mobile', metadata={'help': 'Preset, JSON file with an ArchSpec, network by name, or keras:FILE.'}
  )
  space: str = dataclasses.field(
    default='', metadata={'help': 'Space of --method=menas, in place of --supernet.', 'choices': ('', *SPACES)}
  )
  runtime: str = dataclasses.field(
    default='wasm', metadata={'help': 'This processor, LiteRT.js in Chromium, or an Android device.', 'choices': _RUNTIMES}
  )
  image_size: int = dataclasses.field(default=224, metadata={'help': 'Side in pixels of the images that the deployed network reads.'})
  outputs: int = dataclasses.field(default=1000, metadata={'help': 'Labels of the network.'})
  head: str = dataclasses.field(default='classification', metadata={'help': 'End of the network.', 'choices': HEADS})
  padding: str = dataclasses.field(
    default='', metadata={'help': 'As the training has it, of a network by name or by file.', 'choices': PADDINGS}
  )
  density: float = dataclasses.field(default=0.1, metadata={'help': 'Share of the 1x1 weights that is not zero; 1 = measure dense.'})
  fractions: tuple[float, ...] = dataclasses.field(
    default=(0.25, 0.5, 1.0), metadata={'help': 'Shares of the units of an operation at which it is measured, rising to 1.'}
  )
  networks: int = dataclasses.field(default=80, metadata={'help': 'Of a space: how many networks are measured.'})
  rounds: int = dataclasses.field(default=9, metadata={'help': 'How often each model is timed; the models take turns.'})
  out: str = dataclasses.field(default='', metadata={'help': 'JSON file to write; one that the same command has begun is continued.'})

  def __post_init__(self):
    if not self.out:
      raise flags.FlagError('--out is needed. Received: none. Write --out=FILE.json.')
    if self.image_size < 1 or self.outputs < 1 or self.rounds < 1:
      received = f'{self.image_size}, {self.outputs}, {self.rounds}'
      raise flags.FlagError(f'--image_size, --outputs and --rounds are at least 1. Received: {received}. Raise what is below.')
    usual = {field.name: field.default for field in dataclasses.fields(self)}
    unread = [name for name in _OF_SUPERNETS if self.space and getattr(self, name) != usual[name]]
    unread += ['networks'] if not self.space and self.networks != usual['networks'] else []
    if unread:
      which = 'a table of a space' if self.space else 'a table of a supernet'
      raise flags.FlagError(f'--{unread[0]} says nothing of {which}. Received: both. Leave out one.')
    if not 0 < self.density <= 1:
      raise flags.FlagError(f'--density lies in (0, 1]. Received: {self.density:g}. Write 90 percent zeros as --density=0.1.')
    if self.networks < FEWEST:
      raise flags.FlagError(f'--networks is at least {FEWEST}, that rates can be fitted. Received: {self.networks}. Raise it.')
    rising = list(self.fractions) == sorted(set(self.fractions)) and self.fractions[-1:] == (1.0,) and self.fractions[0] > 0
    if not rising:
      raise flags.FlagError(
        f'--fractions are rising shares that end with 1. Received: {self.fractions}. Write for example --fractions=0.5,1.'
      )

  @property
  def path(self) -> pathlib.Path:
    """The file to write."""
    return expanded(self.out)


def main(argv: Sequence[str]) -> None:
  """Runs the command."""
  options = flags.read_options(argv, Options, __doc__)
  presets.check(options.supernet)
  if not options.path.parent.is_dir():
    raise UserError(f'--out is a file in an existing folder. Received: {options.out}. Create the folder first.')
  head = HeadSpec(options.head, options.outputs)
  arch = None if options.space else _network(options, head)
  work = _work(options, arch, head)
  entries = json.loads(json.dumps(work.entries()))
  facts = _begun(options, arch, entries)
  _check_runtime(RUNTIMES[options.runtime], options.density)
  known = [_unmeasured(entry) for entry in facts['operations']]
  kind = 'networks' if options.space else 'operations'
  for entry in tqdm.tqdm(entries, kind, unit=kind[:-1], disable=None):
    if entry not in known:
      facts['operations'].append(entry | {'milliseconds': work.times(entry)})
      _write(options.path, facts)
  if arch and 'whole' not in facts:
    facts['base'], facts['whole'] = work.networks(facts['operations'])
    _write(options.path, facts)
  print('\n'.join(lines(facts, options.path) if arch else lines_of_space(facts, options.path)))


def _network(options: Options, head: HeadSpec) -> Architecture:
  """The supernet, as a training with these settings would begin with it."""
  if not presets.is_graph(options.supernet):
    arch = presets.supernet(options.supernet)
    if arch.tokens:
      raise UserError('A latency table is of convolutions. Received: a supernet with transformer tokens. Use one with tokens=0.')
    return arch
  with quiet.imports():
    from st_tf.models import starts
  size = (options.image_size, options.image_size)
  # What its weights and pixels are changes no time.
  return starts.start(options.supernet, 'none', 'units', head, size, options.padding).graph


def _work(options: Options, arch: Architecture | None, head: HeadSpec) -> Any:
  """What is measured, and how."""
  with quiet.imports():
    from tflite import latency_graphs, latency_layers, latency_spaces
  activation = '' if arch is None or isinstance(arch, Graph) else arch.activation
  measure = RUNTIMES[options.runtime].measure
  meter = latency_graphs.Meter(measure, options.density, options.density < _SPARSE_BELOW, activation, options.rounds)
  if arch is None:
    site = Site.of(SPACES[options.space].strides, (options.image_size, options.image_size), head)
    return latency_spaces.Networks(SPACES[options.space], site, options.networks, meter)
  if isinstance(arch, Graph):
    return latency_layers.Layers(arch, options.fractions, meter)
  return latency_graphs.Blocks(arch, head, options.image_size, options.fractions, meter)


def lines(facts: dict[str, Any], path: pathlib.Path) -> Iterator[str]:
  """The table in short, for people."""
  kind = 'layers' if any('layers' in entry for entry in facts['operations']) else 'groups'
  total = sum(entry['milliseconds'][-1] * len(entry[kind]) for entry in facts['operations'])
  count, settings = sum(len(entry[kind]) for entry in facts['operations']), facts['settings']
  yield f'table     {path}: {len(facts["operations"])} operations for {count} {kind}'
  yield f'runtime   {settings["runtime"]}, {settings["image_size"]} pixels, {settings["density"]:.0%} of the 1x1 weights not zero'
  yield f'supernet  {facts["whole"]:.2f} ms measured whole; {facts["base"] + total:.2f} ms by the table, {facts["base"]:.2f} ms of it fixed'
  yield 'slowest operations, ms with all units:'
  slowest = sorted(facts['operations'], key=lambda entry: -entry['milliseconds'][-1] * len(entry[kind]))
  for entry in slowest[:5]:
    described = _of_layer(entry) if kind == 'layers' else _of_block(entry['operation'])
    yield f'  {entry["milliseconds"][-1]:6.3f} x {len(entry[kind])}  {described}'


def lines_of_space(facts: dict[str, Any], path: pathlib.Path) -> Iterator[str]:
  """The table of a space in short, for people."""
  table, settings = SpaceTable.load(path), facts['settings']
  times = [entry['milliseconds'] for entry in facts['operations']]
  yield f'table     {path}: {len(times)} networks of {facts["space"]}, {min(times):.2f} to {max(times):.2f} ms'
  yield f'runtime   {settings["runtime"]}, {settings["image_size"]} pixels, {settings["density"]:.0%} of the 1x1 weights not zero'
  yield f'error     {table.error:.1%}, the median of networks that were left out when the others were fitted to'


def _of_block(operation: dict[str, Any]) -> str:
  kernel, channels = operation['kernel'], [operation[name] for name in ('in_channels', 'units', 'out_channels')]
  return (
    f'{kernel}x{kernel}, stride {operation["stride"]}, {" -> ".join(map(str, channels))} channels,'
    f' from {operation["height"]}x{operation["width"]}'
  )


def _of_layer(entry: dict[str, Any]) -> str:
  whole = entry['operation']['at'][-1]
  shapes = ['x'.join(map(str, whole[name])) for name in ('reads', 'writes')]
  return f'{entry["layers"][0]} ({whole["kind"]}), {" -> ".join(shapes)}'


def _begun(options: Options, arch: Architecture | None, entries: list[dict[str, Any]]) -> dict[str, Any]:
  """The table as far as it is there.

  Raises:
    UserError: the file is something else, or was begun with other settings.
  """
  unread = ('supernet', 'space', 'head', 'out', 'padding', 'networks' if arch else 'fractions')
  settings = {name: value for name, value in dataclasses.asdict(options).items() if name not in unread}
  settings = json.loads(json.dumps(settings | {'machine': platform.platform()}))
  what = {'supernet': json.loads(json.dumps(arch.to_json()))} if arch else {'space': options.space}
  fresh = what | {'head': options.head, 'settings': settings, 'operations': []}
  if not options.path.exists():
    return fresh
  try:
    facts = plain.read(options.path)
    same = all(facts[name] == fresh[name] for name in (*what, 'head', 'settings')) and ('base' in facts) == ('whole' in facts)
    same &= all('milliseconds' in entry and _unmeasured(entry) in entries for entry in facts['operations'])
  except (ValueError, KeyError, TypeError, AttributeError):
    same = False
  if not same:
    raise UserError(
      f'A table is continued with the settings it was begun with. Received: {options.path}, which is another table or none.'
      ' Choose another --out, or remove it.'
    )
  return facts


def _unmeasured(entry: dict[str, Any]) -> dict[str, Any]:
  return {name: value for name, value in entry.items() if name != 'milliseconds'}


def _check_runtime(runtime: Runtime, density: float) -> None:
  if runtime.missing():
    raise RuntimeMissingError(runtime.missing())
  if density < 1 and not runtime.runs_sparsely:
    raise UserError(f'{runtime.name} never executes sparsely. Received: --density={density:g}. Write --density=1, or --runtime=wasm.')


def _write(path: pathlib.Path, facts: dict[str, Any]) -> None:
  try:
    write_bytes(path, (json.dumps(facts, indent=1) + '\n').encode())
  except OSError as error:
    raise UserError(f'A table is written to {path}. Received: {error.strerror}. Free some space or choose another folder.') from error


if __name__ == '__main__':
  command.run(main)
