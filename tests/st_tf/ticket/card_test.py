import dataclasses
import html.parser

from st_tf.ticket import Costs, Provenance, TrainingCost, card


class Cells(html.parser.HTMLParser):
  """Collects the tags and the text of a page."""

  def __init__(self, page: str):
    super().__init__()
    self.tags, self.text = [], ''
    self.feed(page)

  def handle_starttag(self, tag, attributes):
    self.tags.append((tag, dict(attributes)))

  def handle_data(self, data):
    self.text += data


def test_a_ticket_says_what_it_is(tiny_ticket):
  cost = tiny_ticket.cost
  said = dict(card.rows(tiny_ticket))
  assert said['Task'] == 'shapes: classification, 10 labels, 32×32 pixels'
  assert said['Scores, test'].startswith('top-1 accuracy 70.0%, ') and 'Scores, train' not in said
  assert said['Sparsity'] == f'80.0%: {cost.zeros:,} of {cost.prunable:,} prunable weights are zero'
  assert said['MACs'] == f'{cost.supernet_macs:,} of the supernet → {cost.macs:,} of the network → {cost.nonzero_macs:,} non-zero'
  assert said['Parameters'].endswith(f'→ {cost.nonzero_params:,} non-zero')
  assert said['From'] == 'supertickets' and said['Command'].endswith('--seed=5') and tiny_ticket.fingerprint.startswith(said['Fingerprint'])


def test_what_is_not_known_is_left_out(tiny_ticket):
  bare = dataclasses.replace(tiny_ticket, cost=Costs(), provenance=Provenance(), metrics={}, sparsity=0.0)
  assert [what for what, _ in card.rows(bare)] == ['Task', 'Sparsity', 'Fingerprint'] and dict(card.rows(bare))['Sparsity'] == '0.0%'


def test_training_and_source_are_told(tiny_ticket):
  origin = Provenance(method='fine_tune', training=TrainingCost(6.0, 10, 61.0), source='0123456789abcdef')
  said = dict(card.rows(dataclasses.replace(tiny_ticket, provenance=origin)))
  assert said['From'] == 'fine_tune, 6.0 epochs, 1 min 01 s, from ticket 0123456789ab'


def test_a_notebook_shows_a_table_that_needs_nothing_from_elsewhere(tiny_ticket):
  ticket = dataclasses.replace(tiny_ticket, task=dataclasses.replace(tiny_ticket.task, name='folder:<script>&"'))
  shown = ticket._repr_html_()
  found = Cells(shown)
  assert {tag for tag, _ in found.tags} == {'table', 'caption', 'tr', 'th', 'td'} and '<script>&"' in found.text
  assert not [attributes for _, attributes in found.tags if {'src', 'href'} & attributes.keys()]
