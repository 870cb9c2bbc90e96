"""What is compared, as flags or in Python."""

from collections.abc import Iterator
import contextlib
import dataclasses
import os

from st_tf import clusters, elsewhere, workers
from st_tf.config import ConfigError
from st_tf.config.fields import check_all
from st_tf.config.request import Request


@dataclasses.dataclass(frozen=True)
class Options:
  """What is compared."""

  methods: str = dataclasses.field(
    default='supertickets,search_then_prune,gmp', metadata={'help': 'Methods, the first of which the others are compared with.'}
  )
  sparsities: tuple[float, ...] = dataclasses.field(
    default=(0.8, 0.9, 0.95, 0.98), metadata={'help': 'Sparsities; a run each.', 'share': True}
  )
  seeds: int = dataclasses.field(default=3, metadata={'help': 'Runs of each, with seeds from --seed on.'})
  learning_rates: tuple[float, ...] = dataclasses.field(
    default=(), metadata={'help': 'Learning rates that each method tries once; the best on validation is used. Empty = --learning_rate.'}
  )
  budget: float = dataclasses.field(
    default=0.0,
    metadata={
      'help': 'Also compare at equal total cost: all trainings of a run together cost as much as so many epochs of the whole supernet, or'
      ' less; 0 = no.'
    },
  )
  jobs: int = dataclasses.field(default=1, metadata={'help': 'Runs at a time.'})
  cluster: str = dataclasses.field(
    default='',
    metadata={
      'help': 'Hand the trainings to a Ray cluster: its address, or auto for the one that this machine belongs to; as many at a time as'
      ' have room there. Empty = train here.'
    },
  )
  cpus_per_run: int = dataclasses.field(default=1, metadata={'help': 'With --cluster: processors of each training.'})
  gpus_per_run: float = dataclasses.field(default=0.0, metadata={'help': 'With --cluster: GPUs of each training; 0.5 = two share one.'})
  workdir: str = dataclasses.field(default='', metadata={'help': 'Folder for all of it; empty = runs/compare-TASK.'})
  out: str = dataclasses.field(
    default='', metadata={'help': 'Folder for table and page, where several comparisons share a workdir and its runs; empty = the workdir.'}
  )
  records: str = dataclasses.field(
    default='',
    metadata={
      'help': 'Folder of small files on finished runs, from which the table is made; where it is given along, another machine goes on from'
      ' there. Empty = records in the workdir.'
    },
  )
  split: str = dataclasses.field(
    default='test',
    metadata={
      'help': 'Whose scores are compared; validation, while settings are still being chosen, leaves the test split alone.',
      'choices': ('test', 'validation'),
    },
  )
  collect: bool = dataclasses.field(
    default=False, metadata={'help': 'Train nothing: make the table of the runs that are recorded, and leave out the others.'}
  )
  dry_run: bool = dataclasses.field(default=False, metadata={'help': 'Print the plan and stop.'})

  def __post_init__(self):
    check_all(self)
    for name in ('seeds', 'jobs'):
      if getattr(self, name) < 1:
        raise ConfigError(f'--{name} is at least 1. Received: {getattr(self, name)}.')
    if len(set(self.learning_rates)) < len(self.learning_rates):
      raise ConfigError(f'--learning_rates are different ones. Received: {",".join(map(str, self.learning_rates))}. Leave one out.')
    clusters.check(self.cluster, self.cpus_per_run, self.gpus_per_run)
    if self.cluster and self.jobs > 1:
      raise ConfigError(f'On a cluster as many run at a time as have room. Received: --cluster and --jobs={self.jobs}. Leave out --jobs.')
    if self.budget < 0:
      raise ConfigError(f'--budget is not negative. Received: {self.budget:g}.')


@contextlib.contextmanager
def worked_in(options: Options) -> Iterator[Options]:
  """The options with folders of this machine in the place of addresses, which they stand for meanwhile.

  Raises:
    UserError: as `elsewhere.worked_in`.
  """
  folders: dict[str, str] = {}  # By their addresses.
  here = {}
  with contextlib.ExitStack() as entered:
    for name, is_written in (('workdir', not (options.collect and options.out)), ('out', True), ('records', not options.collect)):
      address = getattr(options, name).rstrip('/')
      if not elsewhere.is_elsewhere(address):
        continue
      outer = next((other for other in folders if f'{address}/'.startswith(f'{other}/')), None)
      if outer is None:
        folders[address] = entered.enter_context(elsewhere.worked_in(address, is_written and not options.dry_run))
      here[name] = folders[address] if outer is None else folders[outer] + address.removeprefix(outer)
    yield dataclasses.replace(options, **here)


def check_recorded(options: Options) -> None:
  """Refuses to collect from a folder that is not there, before TensorFlow is loaded.

  Args:
    options: what is compared.

  Raises:
    ConfigError: naming the folder.
  """
  given = options.records or options.workdir
  if options.collect and given and not os.path.isdir(os.path.expanduser(given)):
    name = 'records' if options.records else 'workdir'
    raise ConfigError(f'--collect makes a table of recorded runs. Received: --{name}={given}, where no folder is. Correct the path.')


def check(request: Request, tries_rates: bool) -> None:
  """Refuses what contradicts a comparison, before TensorFlow is loaded.

  Args:
    request: what is wanted of all trainings.
    tries_rates: whether learning rates are tried.

  Raises:
    ConfigError: naming the setting.
  """
  workers.check_alone('A comparison')
  for name, instead in (('method', '--methods'), ('sparsity', '--sparsities')):
    if name in request.given:
      raise ConfigError(f'A comparison takes {instead}. Received: --{name}. Write {instead}=...')
  if 'learning_rate' in request.given and tries_rates:
    raise ConfigError('Learning rates are tried, or one is given. Received: --learning_rates and --learning_rate. Leave out one.')
  start = request.resolved().init_from
  if start:  # Of a flag, or of the file in --config.
    rule = 'Methods are compared from their first weights on.'
    raise ConfigError(f'{rule} Received: --init_from={start}. Leave it out; beside --config, write --init_from= without a value.')
