"""What mkdocs asks while it builds the site: what else is a page beside the Markdown files of docs/, and where links lead."""

from collections.abc import Iterable
import dataclasses
from html import escape
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
BESIDE = {
  'in_short.md': 'README.md',
  'contributing.md': 'CONTRIBUTING.md',
  'architecture.md': 'ARCHITECTURE.md',
  'changelog.md': 'CHANGELOG.md',
}
CODE, FLAG = re.compile(r'<code>.*?</code>', re.DOTALL), re.compile(r'(?<![\w-])--\w+')
LINK = re.compile(r'\[([^\][]*)\]\(([^)\s#:]+)(#[^)\s]*)?\)')


def on_files(files: Files, config: MkDocsConfig) -> Files:
  """Adds pages that are no Markdown files of docs/, and reports under another name: a README.md is a page called index.html."""
  for page, source in BESIDE.items():
    files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
  files.append(File.generated(config, 'all_settings.md', content=all_settings()))
  docs = ROOT / 'docs'
  for path in sorted(docs.rglob('index.html')):
    files.append(File.generated(config, page_of(path.relative_to(docs).as_posix()), abs_src_path=str(path)))
  for path in sorted(docs.glob('*.ipynb')):
    files.append(File.generated(config, page_of(path.name), content=text_of(executed(path), path.name)))
  return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
  """Links that hold in the repository become those that hold on the site."""
  return relinked(markdown, page.file.src_uri)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
  """Marks the names of flags, which browsers would break after their hyphens."""
  return CODE.sub(lambda code: FLAG.sub(r'<span class="flag">\g<0></span>', code[0]), html)


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


def executed(path: pathlib.Path) -> nbformat.NotebookNode:
  """The notebook with what its cells have shown, where `make slow` has left it; without, where it has since been changed."""
  written, run = nbformat.read(path, as_version=4), ROOT / 'build' / path.name
  found = nbformat.read(run, as_version=4) if run.is_file() else written
  return found if [cell.source for cell in found.cells] == [cell.source for cell in written.cells] else written


def text_of(notebook: nbformat.NotebookNode, name: str) -> str:
  """A notebook, which is named, as Markdown: its text, its code to copy, and what that has shown."""
  parts = [f'All of this page is a notebook, to run: [{name}]({name}).']
  for cell in notebook.cells:
    parts.append(cell.source if cell.cell_type == 'markdown' else f'```python\n{cell.source}\n```')
    parts += [_output(output) for output in cell.get('outputs', ())]
  parts[0:2] = parts[1::-1]  # After the title.
  return '\n\n'.join(part for part in parts if part)


def _output(output: nbformat.NotebookNode) -> str:
  data = output.get('data', {})
  if 'text/html' in data:
    return f'<div class="output">{data["text/html"]}</div>'
  text = data.get('text/plain') or (output.text if output.get('name') == 'stdout' else '')
  return f'```text\n{text.rstrip()}\n```' if text.strip() else ''


def all_settings() -> str:
  """Every setting of a run and of a comparison, with its default, as the flags have them."""
  groups = [field for field in dataclasses.fields(Config) if dataclasses.is_dataclass(field.type)]
  parts = [('Run', Config.__doc__, [field for field in dataclasses.fields(Config) if field not in groups])]
  parts += [(field.name.title(), field.type.__doc__, dataclasses.fields(field.type)) for field in groups]
  parts.append(('Comparison', Options.__doc__, dataclasses.fields(Options)))
  return '# All settings\n\n' + '\n\n'.join(f'## {title}\n\n{said}\n\n{_table(fields)}' for title, said, fields in parts)


def _table(fields: Iterable[dataclasses.Field]) -> str:
  rows = ['| | default | |', '|---|---|---|']
  for field in fields:
    choices = field.metadata.get('choices')
    told = field.metadata['help'] + (f' One of: {", ".join(choice or "empty" for choice in choices)}.' if choices else '')
    rows.append(f'| `--{field.name}` | {shown(field.default)} | {escape(told).replace("|", "&#124;")} |')
  return '\n'.join(rows)
