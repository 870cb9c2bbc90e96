"""What mkdocs asks while it builds the site: what else is a page beside the Markdown files of docs/, and where links lead."""

from collections.abc import Iterable
import dataclasses
import html
import pathlib
import posixpath
import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
import nbformat

from st_tf.comparing.options import Options
from st_tf.config import Config
from st_tf.config.fields import shown

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Pages from beside docs/, and where they are in the repository.
BESIDE = {'contributing.md': 'CONTRIBUTING.md', 'architecture.md': 'ARCHITECTURE.md', 'changelog.md': 'CHANGELOG.md'}
LINK = re.compile(r'\[([^\][]*)\]\(([^)\s#:]+)(#[^)\s]*)?\)')


def on_files(files: Files, config: MkDocsConfig) -> Files:
  """Adds pages that are no Markdown files of docs/, and reports under another name: a README.md is a page called index.html."""
  for page, source in BESIDE.items():
    files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
  files.append(File.generated(config, 'all_settings.md', content=all_settings()))
  for pattern in ('*.ipynb', 'index.html'):
    for path in sorted((ROOT / 'docs').rglob(pattern)):
      page = page_of(path.relative_to(ROOT / 'docs').as_posix())
      given = {'content': text_of(nbformat.read(path, as_version=4), path.name)} if page.endswith('.md') else {'abs_src_path': str(path)}
      files.append(File.generated(config, page, **given))
  return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
  """Links that hold in the repository become those that hold on the site."""
  return relinked(markdown, page.file.src_uri)


def relinked(markdown: str, page: str) -> str:
  """The text of a page with links from it to other pages.

  Args:
    markdown: with links that hold in the repository: to folders, to what lies beside docs/, to notebooks and reports.
    page: where it is in docs/.
  """
  start = posixpath.dirname(BESIDE.get(page, f'docs/{page}'))
  pages = {source: page for page, source in BESIDE.items()}

  def link(found: re.Match) -> str:
    text, target, anchor = found[1], posixpath.normpath(posixpath.join(start, found[2])), found[3] or ''
    if (ROOT / target).is_dir():
      target = f'{target}/README.md'
    if target.startswith('docs/'):
      target = page_of(target.removeprefix('docs/'))
    elif target in pages:
      target = pages[target]
    else:  # Of the sources, which the site has not.
      return text
    return found[0] if target == page else f'[{text}]({posixpath.relpath(target, posixpath.dirname(page) or ".")}{anchor})'

  return LINK.sub(link, markdown)


def page_of(path: str) -> str:
  """Where on the site a file is."""
  return re.sub(r'\bindex\.html$', 'report.html', re.sub(r'\.ipynb$', '.md', path))


def text_of(notebook: nbformat.NotebookNode, name: str) -> str:
  """A notebook, which is named, as Markdown: its text, and its code to copy."""
  first, *rest = [cell.source if cell.cell_type == 'markdown' else f'```python\n{cell.source}\n```' for cell in notebook.cells]
  return '\n\n'.join([first, f'All of this page is a notebook, to run: [{name}]({name}).', *rest])


def all_settings() -> str:
  """Every setting of a run and of a comparison, with its default, as the flags have them."""
  groups = [field.type for field in dataclasses.fields(Config) if dataclasses.is_dataclass(field.type)]
  own = [field for field in dataclasses.fields(Config) if field.type not in groups]
  tables = [('All settings of a run.', own), *((group.__doc__, dataclasses.fields(group)) for group in groups)]
  tables.append(('What is compared, by `python -m st_tf.compare`.', dataclasses.fields(Options)))
  return '# All settings\n\n' + '\n\n'.join(f'{title}\n\n{_table(fields)}' for title, fields in tables)


def _table(fields: Iterable[dataclasses.Field]) -> str:
  rows = ['| | default | |', '|---|---|---|']
  for field in fields:
    choices = field.metadata.get('choices')
    told = field.metadata['help'] + (f' One of: {", ".join(choice or "empty" for choice in choices)}.' if choices else '')
    rows.append(f'| `--{field.name}` | {shown(field.default)} | {html.escape(told)} |')
  return '\n'.join(rows)
