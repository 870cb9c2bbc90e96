"""The page holds what the ticket and the run's metrics say, and nothing from elsewhere."""

import dataclasses
import html.parser
import re

import numpy as np
import pytest

from st_tf import report
from st_tf.task import Sample
from st_tf.ticket import Provenance

HISTORY = [
  {
    'event': 'epoch',
    'epoch': epoch,
    'step': 10 * epoch,
    'loss': 3 / epoch,
    'train_top1': 0.1 * epoch,
    'validation': {'top1': 0.12 * epoch, 'top5': 0.2 * epoch, 'loss': 2 / epoch},
    'sparsity': 0.2 * epoch,
    'macs': 1000,
    'nonzero_macs': 1000 / epoch,
    'learning_rate': 0.1 / epoch,
    'penalty': 0.001,
  }
  for epoch in range(1, 5)
] + [
  {'event': 'prune', 'step': 12, 'epoch': 2, 'sparsity': 0.3},
  {'event': 'shrink', 'step': 25, 'epoch': 3, 'macs_before': 1200, 'macs_after': 1000},
]
SAMPLE = Sample((('', np.zeros((8, 8, 3), np.uint8)),), 'star <b>', (('star <b>', 0.9), ('ring', 0.1)))


@pytest.fixture(scope='module')
def layers(tiny_ticket):
  return tiny_ticket.count().layers


@pytest.fixture(scope='module')
def text(tiny_ticket, layers, tmp_path_factory):
  folder = tmp_path_factory.mktemp('report')
  other = dataclasses.replace(tiny_ticket, sparsity=0.9, weights={}, metrics={'validation': {'top1': 0.61}})
  (folder / 'model.tflite').write_bytes(b'x' * 2500)
  path = report.write(
    folder / 'report', tiny_ticket, HISTORY, [SAMPLE], [tiny_ticket, other], HISTORY, layers, model_file=folder / 'model.tflite'
  )
  assert path == folder / 'report' / 'index.html'
  assert [entry.name for entry in path.parent.iterdir()] == ['index.html']
  return path.read_text(encoding='utf-8')


class _Tags(html.parser.HTMLParser):
  """Checks that elements are closed in the order in which they were opened."""

  EMPTY = ('meta', 'img', 'path', 'br')

  def __init__(self):
    super().__init__()
    self.open, self.count = [], 0

  def handle_starttag(self, tag, attributes):
    self.count += 1
    if tag not in self.EMPTY:
      self.open.append(tag)

  def handle_endtag(self, tag):
    if tag not in self.EMPTY:
      assert self.open.pop() == tag


def test_the_survivors_have_a_key_with_colours(text):
  assert 'class="alive"' in text and all(f'.legend i{kind} {{' in text for kind in ('', '.alive', '.none'))


def test_pictures_with_a_legend_stand_side_by_side(tiny_ticket, layers, tmp_path):
  picture = np.zeros((8, 8, 3), np.uint8)
  sample = Sample((('image', picture), ('truth', picture), ('prediction', picture)), legend=(('sky', '#ff0000'), ('road', '#00ff00')))
  found = report.write(tmp_path, tiny_ticket, [], [sample], layers=layers).read_text()
  assert (
    all(f'<figcaption>{caption}</figcaption>' in found for caption in ('image', 'truth', 'prediction'))
    and 'class="sample several"' in found
    and 'background: #00ff00' in found
  )
  assert 'are named correctly' not in found


def test_the_page_is_well_formed(text):
  tags = _Tags()
  tags.feed(text)
  assert text.startswith('<!doctype html>') and not tags.open and tags.count > 500


def test_the_page_needs_nothing_from_elsewhere(text):
  addresses = re.findall(r'(?:href|src)="([^"]*)"', text)
  assert [address for address in addresses if not address.startswith(('#', 'data:'))] == []
  assert '@import' not in text and 'url(http' not in text
  assert len(text) < 1_000_000


def test_ids_are_unique(text):
  ids = re.findall(r'\bid="([^"]*)"', text)
  assert len(ids) == len(set(ids))


def test_the_page_names_the_headline_numbers(text):
  for number in ('70.0%', '75.0%', '80.0%', '90.0% counted over the network', '2.5 KB', '1 min 01 s'):
    assert number in text


def test_the_page_has_every_figure(text):
  titles = re.findall(r'<svg role="img" aria-label="([A-Z][^"]*)" viewBox', text)
  assert titles == [
    'Top-1 accuracy',
    'Loss',
    'Learning rate',
    'Penalty on the importance factors',
    'Score and sparsity over the run',
    'Score against sparsity',
    'MACs',
    'MACs by part',
    'Density',
  ]


def test_survivors_are_drawn_at_their_original_place(text):
  assert 'stage2/branch0/block0, 5×5: 4 of 32 left' in text
  assert 'M0 0h1v1h-1zM3 0h2v1h-2zM9 0h1v1h-1z' in text
  assert 'class="block dead" title="stage2/fuse/0to0"' in text


def test_every_layer_is_listed(text, layers):
  assert all(f'<code>{layer.name}</code>' in text for layer in layers)


def test_names_are_escaped(text):
  assert 'star &lt;b&gt;' in text and 'star <b>' not in text


def test_all_tickets_of_the_run_are_listed_and_this_one_only_once(text, tiny_ticket):
  assert text.count(f'<code>{tiny_ticket.fingerprint[:12]}</code>') == 1
  assert '61.0%' in text


def test_a_run_without_epochs_and_samples_still_has_a_report(tiny_ticket, layers, tmp_path):
  text = report.write(tmp_path, tiny_ticket, [], layers=layers).read_text(encoding='utf-8')
  assert 'No epoch was recorded' in text and 'without sample images' in text


def test_a_dense_ticket_without_scores_still_has_a_report(tiny_ticket, layers, tmp_path):
  dense = dataclasses.replace(
    tiny_ticket, arch=tiny_ticket.supernet, survivors={}, masks={}, sparsity=0.0, metrics={}, provenance=Provenance()
  )
  text = report.write(tmp_path, dense, HISTORY[:1], layers=layers).read_text(encoding='utf-8')
  assert 'the search removed none' in text


def test_costs_are_measured_where_not_given(tiny_ticket, layers, tmp_path):
  text = report.write(tmp_path, tiny_ticket, []).read_text(encoding='utf-8')
  assert f'All {len(layers)} layers' in text


def test_files_for_phones_are_listed_where_there_are_any(tiny_ticket, layers, text, tmp_path):
  rows = [('format', 'kernels', 'size', 'file'), ('int8', 'sparse', '1.2 MB', 'model_int8.tflite')]
  page = report.write(tmp_path, tiny_ticket, HISTORY, layers=layers, exports=rows).read_text(encoding='utf-8')
  assert '<th>Format</th><th>Kernels</th>' in page and 'data-title="Format">int8</td>' in page and 'python -m tflite.export' not in page
  assert text.index('<h2>File to ship') < text.index('<h2>Training') and '--format=float16</span>' in text


def test_the_title_is_a_persons(tiny_ticket, layers, tmp_path):
  task = dataclasses.replace(tiny_ticket.task, name='folder:/home/me/photos/')
  page = report.write(tmp_path, dataclasses.replace(tiny_ticket, task=task), [], layers=layers).read_text(encoding='utf-8')
  assert '<title>photos: ' in page and '<h1>photos: ' in page and 'folder:' not in page


def test_what_was_taken_for_what_is_on_the_page_where_it_was_counted(tiny_ticket, layers, text, tmp_path):
  first, second, *_ = tiny_ticket.task.labels
  counted = dataclasses.replace(tiny_ticket, metrics=tiny_ticket.metrics | {'confusion': {first: {first: 3, second: 1}}})
  page = report.write(tmp_path, counted, [], layers=layers).read_text(encoding='utf-8')
  assert f'title="{first}, taken for {second}: 1 of ' in page and 'What is taken for what' not in text


def test_the_answer_is_bold_and_the_truth_is_not(tiny_ticket, layers, tmp_path):
  wrong = Sample((('', np.zeros((8, 8, 3), np.uint8)),), 'star', (('ring', 0.9), ('star', 0.1)))
  page = report.write(tmp_path, tiny_ticket, [], [wrong], layers=layers).read_text(encoding='utf-8')
  assert '<div class="guess answer"><span title="ring">' in page and '<div class="guess truth"><span title="star">' in page
  assert 'the truth is star' in page and '<b>star' not in page


def test_the_command_names_the_folder_of_the_ticket_wherever_the_page_is(tiny_ticket, tmp_path):
  folder = tmp_path / 'tickets' / 'sparsity_0.5'
  folder.mkdir(parents=True)
  (folder / 'model.tflite').write_bytes(b'.')
  page = report.write(tmp_path / 'elsewhere', tiny_ticket, HISTORY, model_file=folder / 'model.tflite').read_text()
  assert '--ticket=tickets/sparsity_0.5<' in page
