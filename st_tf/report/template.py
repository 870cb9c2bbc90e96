"""Templates of pages, and what all pages have in common."""

import pathlib

import jinja2
from markupsafe import Markup

from st_tf import wording
from st_tf.report.samples import address

_TEMPLATES = pathlib.Path(__file__).parent / 'templates'


def parts() -> dict[str, Markup]:
  """Style and script of a page."""
  texts = {'style': 'style.css', 'script': 'sort.js'}
  return {name: Markup((_TEMPLATES / file).read_text(encoding='utf-8')) for name, file in texts.items()}


def command(text: str) -> Markup:
  """A command whose lines end between flags."""
  flags = Markup(' ').join(Markup('<span>{}</span>').format(part) for part in wording.command_lines(text))
  return Markup('<code class="command">{}</code>').format(flags)


def breakable(name: str) -> Markup:
  """A name that may be broken behind its colons."""
  return Markup(':<wbr>').join(name.split(':'))


def load(name: str) -> jinja2.Template:
  """The template in the file of that name."""
  environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
  )
  environment.filters |= {'address': address, 'breakable': breakable, 'command': command}
  environment.filters |= {'count': wording.count, 'percent': wording.percent, 'score_name': wording.score_name}
  environment.globals['score'] = wording.score
  return environment.get_template(name)
