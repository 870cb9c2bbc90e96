"""Command-line flags derived from dataclass fields; nothing here needs TensorFlow, so `--help` and mistakes answer at once.

Every command line has its own `FlagValues`, so that several can be imported into one process.
"""

from collections.abc import Iterable, Sequence
import dataclasses
import shutil
import textwrap
from typing import Any

from absl import flags

from st_tf import elsewhere
from st_tf.config import recipes
from st_tf.config.config import Config, leaves
from st_tf.config.fields import ConfigError, checked, from_text, shown
from st_tf.config.request import Request
from st_tf.errors import UserError, did_you_mean

RUN = 'run'
_FULL_HELP = '--helpfull'
_READ = {'ticket': elsewhere.fetched, 'init_from': elsewhere.fetched, 'source': elsewhere.fetched, 'config': elsewhere.fetched_file}
_HELP = ('-h', '--h', '-help', '--help', '-?', _FULL_HELP, '--helpshort')
# Of a run's many settings those that most people need; --help shows these.
_MATTER = frozenset({
  'task', 'data_dir', 'image_size', 'method', 'supernet', 'weights', 'epochs', 'batch_size', 'learning_rate', 'target_macs',
  'target_latency_ms', 'sparsity', 'reactivation', 'ranking', 'teacher', 'quantize', 'seed', 'config', 'recipe',
})  # fmt: skip
_WIDEST_HELP_COLUMNS = 110


@dataclasses.dataclass(frozen=True)
class _Sources:
  """Where settings come from that no flag of their own gives."""

  config: str = dataclasses.field(
    default='', metadata={'help': "Read settings from a JSON file, such as a run's config.json; flags given beside it win."}
  )
  recipe: str = dataclasses.field(
    default='',
    metadata={'help': f'Settings of the paper in the place of the defaults: {", ".join(recipes.RECIPES)}; flags given beside it win.'},
  )
  scale_with_batch: bool = dataclasses.field(default=False, metadata={'help': "Scale a recipe's learning rate linearly with --batch_size."})


class FlagError(UserError):
  """A command line that cannot be understood."""


class _Parser(flags.ArgumentParser):
  """Reads one field's text; absl turns its errors into its own, `parse` turns them back."""

  def __init__(self, field: dataclasses.Field):
    self.field = field
    self.syntactic_help = ''

  def parse(self, argument: Any) -> Any:
    value = from_text(self.field, argument) if isinstance(argument, str) else argument
    return checked(self.field, value)

  def flag_type(self) -> str:
    return 'enum' if self.field.metadata.get('choices') else getattr(self.field.type, '__name__', str(self.field.type))


class _Flag(flags.Flag):
  """The flag of one dataclass field."""

  def __init__(self, field: dataclasses.Field, group: str):
    self.group = group
    self.field = field
    super().__init__(_Parser(field), None, field.name, field.default, field.metadata['help'], boolean=field.type is bool)


def define(values: flags.FlagValues, fields: Iterable[dataclasses.Field], group: str = RUN) -> None:
  """Adds one flag per field; its help and choices are the field's metadata, its default the field's.

  Args:
    values: the command line's own flags.
    fields: of type str, bool, int, float or tuple[float, ...].
    group: heading under which `--help` lists them.
  """
  for field in fields:
    flags.DEFINE_flag(_Flag(field, group), values)


def define_config(values: flags.FlagValues) -> None:
  """Adds `--config`, `--recipe` and a flag for every setting of `Config`, group by group."""
  groups = {field.name: field.type for field in dataclasses.fields(Config) if dataclasses.is_dataclass(field.type)}
  define(values, [field for field in dataclasses.fields(Config) if field.name not in groups])
  define(values, dataclasses.fields(_Sources))
  for name, group in groups.items():
    define(values, dataclasses.fields(group), name)


def parse(argv: Sequence[str], values: flags.FlagValues, about: str = '', words: bool = False, unread: Sequence[str] = ()) -> list[str]:
  """Reads the command line into `values`; `--help` prints the help and exits with 0.

  Args:
    argv: program name and arguments.
    values: flags that `define` or `define_config` added.
    about: what the command does, shown above the help; usually its module's docstring.
    words: whether arguments may be no flags.
    unread: settings that the command does nothing with, which its help leaves out.

  Returns:
    The words that are no flags.

  Raises:
    FlagError: an unknown flag, a flag without its value, or an argument that is no flag where all have to be.
    ConfigError: a value that its flag cannot have.
  """
  if any(argument in _HELP for argument in argv[1:]):
    # Flushed here, so that a closed pipe is met where `command.run` catches it.
    print(help_text(values, about, _FULL_HELP in argv, unread), flush=True)
    raise SystemExit(0)
  try:
    rest = values(list(argv))[1:]
  except flags.UnrecognizedFlagError as error:
    raise FlagError(_unknown_flag(error.flagname, values)) from None
  except flags.IllegalFlagValueError as error:
    if isinstance(error.__context__, ConfigError):
      raise error.__context__ from None
    raise FlagError(f'{error}.') from None
  except (flags.Error, ValueError) as error:
    raise FlagError(f'A flag is written --name=value. Received: {error}. --helpfull lists all flags.') from None
  if rest and not words:
    raise FlagError(_leftover(rest[0], values))
  for name, fetched in _READ.items():
    if name in values and isinstance(values[name].value, str):
      values[name].value = fetched(values[name].value)
  return rest


def request(values: flags.FlagValues) -> Request:
  """What the command line wants of a run.

  Raises:
    ConfigError: as `Request.of`.
  """
  return Request.of(given_settings(values), values['config'].value, values['recipe'].value, values['scale_with_batch'].value)


def given_settings(values: flags.FlagValues) -> dict[str, Any]:
  """The settings that have a flag on the command line, by name."""
  return {field.name: values[field.name].value for field in leaves() if values[field.name].present}


def read_options(argv: Sequence[str], options: type, about: str | None) -> Any:
  """The options of a command that has nothing but them: an instance of the dataclass `options`.

  Args:
    argv: program name and arguments.
    options: its fields are the flags.
    about: what the command does, shown by `--help`.

  Raises:
    FlagError, ConfigError: as `parse`.
  """
  return read_options_and_data(argv, options, about, None)[0]


def read_options_and_words(argv: Sequence[str], options: type, about: str) -> tuple[Any, list[str]]:
  """(a command's options, the words among its arguments that are no flags); as `read_options`."""
  values = flags.FlagValues()
  define(values, dataclasses.fields(options))
  words = parse(argv, values, about, words=True)
  return options_from(values, options), words


def read_options_and_data(argv: Sequence[str], options: type, about: str | None, data: type | None) -> tuple[Any, dict[str, Any]]:
  """(a command's options, what was given of the fields of the dataclass `data`); as `read_options`."""
  values = flags.FlagValues()
  define(values, dataclasses.fields(options))
  names = [field.name for field in dataclasses.fields(data)] if data else []
  if data:
    define(values, dataclasses.fields(data), 'data')
  parse(argv, values, about or '')
  return options_from(values, options), {name: values[name].value for name in names if values[name].present}


def options_from(values: flags.FlagValues, options: type) -> Any:
  """A command's own options: an instance of the dataclass `options`, whose fields were given to `define`."""
  return options(**{field.name: values[field.name].value for field in dataclasses.fields(options)})


def help_text(values: flags.FlagValues, about: str = '', full: bool = True, unread: Sequence[str] = ()) -> str:
  """Flags by group, each with its default and choices.

  Args:
    values: the command's.
    about: what it does.
    full: whether all are listed, and not only those that most people need.
    unread: those that are left out.
  """
  width = min(shutil.get_terminal_size().columns, _WIDEST_HELP_COLUMNS)
  titles = {field.name: _first_sentence(field.type) for field in dataclasses.fields(Config) if dataclasses.is_dataclass(field.type)}
  settings = {field.name for field in (*leaves(), *dataclasses.fields(_Sources))}
  hidden = settings - _MATTER if settings <= set(values) and not full else set()
  groups: dict[str, list[_Flag]] = {}
  for name in values:
    if name not in hidden and name not in unread:
      groups.setdefault(values[name].group, []).append(values[name])
  left = len(hidden - set(unread))
  lines = [about.strip(), ''] if about else []
  lines.append('Flags, written --name=value:')
  for group, members in groups.items():
    lines += ['', f'{group}: {titles[group]}' if group in titles else group]
    for flag in members:
      lines += _help_lines(flag, width)
  if left:
    lines += ['', f'{_FULL_HELP} shows {left} more flags; docs/settings.md says which of them matter when.']
  return '\n'.join(lines)


def _help_lines(flag: _Flag, width: int) -> list[str]:
  choices = flag.field.metadata.get('choices')
  written = f'--[no]{flag.name}' if flag.boolean else f'--{flag.name}'
  details = f' One of {", ".join(choices)}.' if choices else ''
  default = shown(flag.default) or 'empty'
  text = f'{flag.field.metadata["help"]}{details} (default: {default})'
  return [f'  {written}', *textwrap.wrap(text, width, initial_indent=' ' * 6, subsequent_indent=' ' * 6)]


def _first_sentence(documented: type) -> str:
  return ' '.join((documented.__doc__ or '').split()).partition('. ')[0].rstrip('.')


def _unknown_flag(name: str, values: flags.FlagValues) -> str:
  known = list(values) + [f'no{flag}' for flag in values if values[flag].boolean]
  return f'Unknown flag --{name}.' + (did_you_mean(name, known, '--') or ' --helpfull lists all flags.')


def _leftover(argument: str, values: flags.FlagValues) -> str:
  rule = f'Every argument is a flag, --name=value. Received: {argument!r}.'
  name = argument.partition('=')[0]
  if name in values:
    return f'{rule} Did you mean --{argument}?'
  if argument[:1].isdigit() or argument[:1] == '.':
    return f'{rule} Several numbers are written with commas: --sparsity=0.8,0.9.'
  return f'{rule} --helpfull lists all flags.'
