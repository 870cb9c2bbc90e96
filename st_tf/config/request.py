"""What is wanted of a run, on the command line or in Python, and the settings that it comes to."""

from collections.abc import Mapping, Sequence
import dataclasses
from types import MappingProxyType
from typing import Any

from st_tf import task as tasks
from st_tf.arch import presets
from st_tf.config import named_files, recipes
from st_tf.config.config import Config, checked_settings, parse
from st_tf.config.fields import ConfigError
from st_tf.config.groups import ElasticConfig
from st_tf.files import expanded

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class Request:
  """Settings that were given, and those of a file or a recipe that they stand beside.

  Attributes:
    given: by the names of their flags.
    base: likewise, of the file or the recipe.
    source: what messages call where `base` comes from; empty where there is none.
    recipe: its name; empty where there is none.
    notes: what the user should know of it.
  """

  given: Mapping[str, Any]
  base: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  source: str = ''
  recipe: str = ''
  notes: tuple[str, ...] = ()

  @classmethod
  def of(cls, given: Mapping[str, Any], config: str = '', recipe: str = '', scale_with_batch: bool = False) -> 'Request':
    """What a user has said.

    Args:
      given: settings by name.
      config: a JSON file of settings.
      recipe: one of `recipes.RECIPES`.
      scale_with_batch: whether the recipe's learning rate scales with the batch.

    Raises:
      ConfigError: the file is missing or bad, there is no such recipe, or both are named.
    """
    if recipe and config:
      raise ConfigError(f'Settings come from a file or from a recipe. Received: --config={config} and --recipe={recipe}. Leave out one.')
    if scale_with_batch and not recipe:
      raise ConfigError(f'--scale_with_batch goes with a recipe. Received: none. Add --recipe={"|".join(recipes.RECIPES)}.')
    if config:
      return cls(given, _read(config), config)
    if recipe:
      base, notes = recipes.combine(recipe, given, scale_with_batch)
      return cls(given, base, f'--recipe={recipe}', recipe, tuple(f'recipe {recipe}: {note}' for note in notes))
    return cls(given)

  def resolved(self, own: Mapping[str, Any] = _NOTHING) -> Config:
    """The settings of the run: what is given wins over the file or the recipe, they over the task, and the task over the defaults.

    Args:
      own: settings of the task, by name.

    Raises:
      ConfigError: no run can have these settings.
    """
    base = dict(self.base)
    if self.given.get('init_from') and not str(self.given['init_from']).endswith('.npz'):
      base.pop('supernet', None)  # A run always writes one, and a ticket brings its own.
    try:
      return Config.from_flat({**own, **base, **self.given})
    except ConfigError as error:
      raise (ConfigError(f'{error} (Settings of {self.source} and of the command line.)') if self.source else error) from None

  def check_there(self) -> None:
    """Refuses a task, a network or a file that is not there, before TensorFlow is loaded.

    Raises:
      UserError: naming the setting.
    """
    config = self.resolved()
    if not self.recipe:
      tasks.check(config.task, config.data)
    if config.supernet:
      presets.check(config.supernet)
    named_files.check_there(config.flat())
    if config.method == 'elastic':
      named_files.check_source(config.elastic.source, self.sparsity, config.elastic.says_target or bool(config.supernet))

  def check_read(self, methods: Sequence[str]) -> None:
    """Refuses settings of a stretching where nothing is stretched.

    Args:
      methods: that are run.

    Raises:
      ConfigError: naming the first that is given, or stands in the file.
    """
    if 'elastic' in methods:
      return
    values = checked_settings({**self.base, **self.given})
    for field in dataclasses.fields(ElasticConfig):
      value = values.get(field.name, field.default)
      if value != field.default:
        where = f' (in {self.source})' if self.source and field.name not in self.given else ''
        raise ConfigError(
          f'--{field.name} is read by --method=elastic alone. Received: --{field.name}={value}{where} with {", ".join(methods)}.'
          ' Leave it out, or take that method.'
        )

  @property
  def sparsity(self) -> float | None:
    """The highest that somebody has named; None = nobody has."""
    named = checked_settings({**self.base, **self.given}).get('sparsity')
    return max(named) if named else None


def _read(path: str) -> dict[str, Any]:
  try:
    return parse(expanded(path).read_text(encoding='utf-8'))
  except (OSError, UnicodeDecodeError) as error:
    raise ConfigError(
      f"--config names a readable JSON file. Received: {path!r} ({error}). A run writes one: its workdir's config.json."
    ) from None
  except ConfigError as error:
    raise ConfigError(f'{path}: {error}') from None
