"""What the page says of an evolution, and what it draws."""

import pytest

from st_tf.report import generations, ink


def trial(number, generation, parents=(), macs=1000, validation=0.5, **facts):
  return {'number': number, 'generation': generation, 'parents': list(parents), 'macs': macs, 'validation': validation, **facts}


TRIALS = [
  trial(1, 0, macs=2000, validation=0.1, final=0.5),
  trial(2, 0, macs=1500, validation=0.2, final=0.6),
  trial(3, 0, validation=None),
  trial(4, 1, (1,), validation=0.3),
  trial(5, 1, (2, 1), validation=0.4, final=0.55),
  trial(6, 2, (5,), validation=0.35, final=0.7, is_winner=True),
]
EVOLVED = generations.evolved(TRIALS)


def test_trials_that_failed_are_left_out_and_trials_of_other_searches_are_none():
  assert [one['number'] for one in EVOLVED] == [1, 2, 4, 5, 6]
  assert generations.evolved([]) == generations.evolved([{'number': 1, 'units': {}, 'epochs': 1, 'macs': 2, 'validation': 0.5}]) == []


@pytest.mark.parametrize('wrong', [{'parents': ['1']}, {'parents': [9]}, {'macs': 'many'}, {'generation': None}, {'validation': 'x'}])
def test_of_facts_that_no_run_wrote_nothing_is_drawn(wrong):
  found = generations.evolved([*TRIALS, trial(7, 3) | wrong])
  assert found == [] and generations.population(found, 'top1') is generations.family(found, 'top1') is None
  assert generations.told(found, 'top1') == ''


def test_each_generation_has_a_panel_in_which_earlier_ones_are_pale_and_the_winner_is_a_star():
  panels = [axes for axes in generations.population(EVOLVED, 'top1').axes if axes.get_visible()]
  assert [axes.get_title(loc='left') for axes in panels] == ['generation 0', 'generation 1', 'generation 2']
  drawn = [[len(line.get_xdata()) for line in axes.lines] for axes in panels]
  assert drawn == [[0, 2, 0], [2, 2, 0], [4, 1, 1]]
  assert list(panels[2].lines[2].get_data()[0]) == [1000] and list(panels[2].lines[2].get_data()[1]) == [0.35]


def test_many_generations_share_panels():
  many = [trial(number + 1, number) for number in range(30)]
  titles = [axes.get_title(loc='left') for axes in generations.population(many, 'top1').axes if axes.get_visible()]
  named = [axes.xaxis.get_tick_params()['labelbottom'] for axes in generations.population(many, 'top1').axes if axes.get_visible()]
  assert sum(named) == 4 and named[6:] == [True] * 4, 'the lowest of each column'
  assert titles[0] == 'generations 0 to 2' and titles[-1] == 'generations 27 to 29' and len(titles) == 10


def test_the_family_is_the_winner_and_all_that_it_descends_from():
  assert [one['number'] for one in generations.ancestors(EVOLVED)] == [1, 2, 5, 6]
  (axes,) = generations.family(EVOLVED, 'top1').axes
  assert [text.get_text().split(':')[0] for text in axes.texts] == ['1', '2', '5', '6']
  edges = [line for line in axes.lines if len(line.get_xdata()) == 2]
  assert [(list(line.get_xdata())) for line in edges] == [[0, 1], [0, 1], [1, 2]]
  assert 'role="img"' in ink.svg(generations.family(EVOLVED, 'top1'), 'Family')


def test_a_winner_without_parents_has_no_family():
  assert generations.family(generations.evolved([trial(1, 0, is_winner=True), trial(2, 0)]), 'top1') is None


def test_ranks_are_compared_where_three_were_trained_to_the_end():
  text = generations.told(EVOLVED, 'top1')
  assert text.startswith(
    '5 networks were trained in 3 generations, each for a few epochs. Number 6 is the one of this page; it descends from 3'
  )
  # Ranks 1 2 4 3 against 1 3 2 4: one less six times 1 + 4 + 1, over 4 * 15.
  assert text.endswith('the rank correlation (Spearman) is 0.40, n = 4. It is of the best alone.')
  assert 'correlation' not in generations.told(EVOLVED[:2], 'top1')
  alike = [trial(number, 0, final=0.5) for number in range(1, 4)]
  assert 'is not defined, since all are alike, n = 3.' in generations.told(alike, 'top1')
