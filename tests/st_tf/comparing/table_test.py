import csv
import dataclasses
import io
import math

import pytest

from st_tf.comparing import table
from st_tf.comparing.record import Record
from st_tf.comparing.table import Rate, Result, Row
from st_tf.task import confidence
from st_tf.ticket.facts import TrainingCost

SCORES = {('a', 0.9): {0: 0.50, 1: 0.52, 2: 0.54}, ('b', 0.9): {0: 0.45, 1: 0.48, 2: 0.49}, ('c', 0.9): {0: 0.40}}
RATES = {label: Rate(0.1, 2) for label in 'abc'}


EXAMPLES = {'train': 100, 'validation': 20, 'test': 30}


def record(score: float, seconds: float) -> Record:
  return Record(
    ticket='0f3a',
    metrics={'test': {'top1': score}, 'validation': {'top1': score + 0.01}},
    cost={'nonzero_macs': 2_000_000, 'macs': 9_000_000, 'nonzero_params': 30_000, 'params': 90_000},
    training=TrainingCost(16.0, 4_000_000_000, seconds),
    size=100_000,
    examples=EXAMPLES,
  )


def results(scores=SCORES) -> list[Result]:
  return [
    Result(label, sparsity, seed, 0, record(score, 60.0 + seed))
    for (label, sparsity), by_seed in scores.items()
    for seed, score in by_seed.items()
  ]


def test_rows_are_means_over_seeds_against_the_first_method():
  first, second, third = table.rows(results(), 'top1', RATES)
  assert (first.mean, first.deviation) == (pytest.approx(0.52), pytest.approx(0.02)) and first.lead is None
  assert first.validation == pytest.approx(0.53) and first.training.seconds == 61.0
  assert second.lead.mean == pytest.approx((0.05 + 0.04 + 0.05) / 3) and second.lead.verdict == 'ahead'
  assert third.lead.pairs == 1 and math.isnan(third.deviation)


def test_the_conclusion_names_the_best_and_against_whom_the_first_is_ahead():
  rows = table.rows(results(), 'top1', RATES)
  assert table.best(rows, 'top1') == 'Highest top-1 accuracy: a at 90% sparsity, 52.0% (mean of 3 seeds).' and table.best([], 'top1') == ''
  assert list(table.verdicts(rows)) == ['a is beyond the noise ahead of b at 90%.'], 'of c there is one seed, which says nothing'
  others = results(
    {('a', 0.9): {0: 0.5, 1: 0.4}, ('b', 0.9): {0: 0.45, 1: 0.48}, ('b', 0.95): {0: 0.1, 1: 0.1}, ('a', 0.95): {0: 0.5, 1: 0.5}}
  )
  assert list(table.verdicts(table.rows(others, 'top1', RATES))) == [
    'a is beyond the noise ahead of b at 95%.',
    'a is not shown, by so few seeds, to be ahead of or behind b at 90%.',
  ]


def test_a_run_without_a_ticket_is_in_the_table_and_the_others_count():
  failed = [Result('a', 0.9, 3, 0, None, error='ended by SIGKILL'), Result('d', 0.9, 0, 0, None, error='exit code 1')]
  rows = table.rows([*results(), *failed], 'top1', RATES | {'d': Rate(0.1, 2)})
  assert len(rows[0].scores) == 3 and rows[0].errors == ('seed 3: ended by SIGKILL',)
  assert table.cells(rows[3], 'top1')[3] == 'failed' and rows[3].lead is None
  text = table.markdown(rows, 'top1')
  assert '- a at 90%, seed 3: ended by SIGKILL' in text and '- d at 90%, seed 0: exit code 1' in text


def test_shared_budgets_are_rows_of_their_own():
  shared = [dataclasses.replace(result, budget=16) for result in results() if result.label != 'c']
  rows = table.rows([*results(), *shared], 'top1', RATES)
  assert rows[-1].name == 'b (cost of 16 epochs)' and rows[-1].lead == rows[1].lead


def test_a_first_method_that_keeps_everything_is_compared_at_every_sparsity():
  scores = {('a', 0.0): {0: 0.6, 1: 0.7}, ('b', 0.9): {0: 0.5, 1: 0.6}, ('b', 0.95): {0: 0.4, 1: 0.5}}
  rows = table.rows(results(scores), 'top1', RATES)
  assert [row.lead and round(row.lead.mean, 6) for row in rows] == [None, 0.1, 0.2]


def test_a_later_method_that_keeps_everything_is_compared_with_the_first_at_each_sparsity():
  scores = {('a', 0.9): {0: 0.5, 1: 0.6}, ('a', 0.95): {0: 0.4, 1: 0.5}, ('b', 0.0): {0: 0.6, 1: 0.7}}
  rows = table.rows(results(scores), 'top1', RATES)
  assert {sparsity: round(lead.mean, 6) for sparsity, lead in rows[2].leads.items()} == {0.9: -0.1, 0.95: -0.2}
  assert [line.split(' (')[0] for line in table.differences(rows)] == [
    'a against b at 90%: -10.0 points',
    'a against b at 95%: -20.0 points',
  ]
  facts = table.as_data(rows)[2]
  assert [lead['sparsity_of_first'] for lead in facts['leads']] == [0.9, 0.95]
  assert table.as_csv(rows).splitlines()[3].endswith(',,,,'), 'two differences are none for a table of single values'
  assert [round(lead['mean'], 6) for lead in facts['leads']] == [-0.1, -0.2] and facts['leads'][0]['training_macs_ratio'] == 1.0


def test_what_the_other_methods_training_took_is_told_with_the_difference():
  found = results()
  found[3:] = [
    dataclasses.replace(result, record=dataclasses.replace(result.record, training=TrainingCost(20.0, 6_000_000_000, 1.0)))
    for result in found[3:]
  ]
  rows = table.rows(found, 'top1', RATES)
  assert [row.training_ratios for row in rows] == [{}, {0.9: pytest.approx(2 / 3)}, {0.9: pytest.approx(2 / 3)}]
  first, second = table.differences(rows)
  assert first.endswith(', at 0.67 times its training MACs.') and '+10.0 points at 90%, at 0.67 times its training MACs; one' in second
  assert table.as_data(rows)[1]['leads'][0]['training_macs_ratio'] == rows[1].training_ratios[0.9]


def test_networks_that_were_trimmed_are_told():
  found = results()
  found[0] = dataclasses.replace(found[0], record=dataclasses.replace(found[0].record, trimmed=7))
  rows = table.rows(found, 'top1', RATES)
  assert rows[0].trimmed == 1 and '- a at 90%: 1 of 3 searches ended above the target' in table.markdown(rows, 'top1')


def test_people_read_units_and_spreads():
  row, _, single = table.rows(results(), 'top1', RATES)
  assert table.cells(row, 'top1') == [
    *('a', '90%', '3', '52.0% ± 2.0', '35.1 to 68.8%', '53.0%', '2.00 M', '30.0 k', '100.0 KB'),
    *('16.0', '4.00 G', '1 min 01 s', '0.1 (of 2)'),
  ]
  assert table.cells(single, 'top1')[3] == '40.0% (one run)'
  assert len(table.columns('top1')) == len(table.cells(row, 'top1'))


def test_the_interval_is_that_of_the_pictures_and_of_several_seeds_the_mean_of_its_ends():
  row, _, single = table.rows(results(), 'top1', RATES)
  assert single.interval == confidence.interval('top1', 0.4, EXAMPLES['test'])
  each = [confidence.interval('top1', score, EXAMPLES['test']) for score in SCORES['a', 0.9].values()]
  assert row.interval == pytest.approx([sum(ends) / 3 for ends in zip(*each)])
  facts = table.as_data([row])[0]
  assert (facts['score_low'], facts['score_high']) == row.interval and 'score_low,score_high' in table.as_csv([row])
  drawn = [dataclasses.replace(result, record=dataclasses.replace(result.record, intervals={'test': (0.1, 0.7)})) for result in results()]
  assert table.cells(table.rows(drawn, 'top1', RATES)[2], 'top1')[4] == '10.0 to 70.0%'


def test_a_score_of_which_no_interval_is_known_has_none():
  unknown = [dataclasses.replace(result, record=dataclasses.replace(result.record, examples={})) for result in results()]
  (row, *_) = table.rows([*unknown[:2], *results()[2:]], 'top1', RATES)
  assert row.interval is None and table.cells(row, 'top1')[4] == '-' and table.as_data([row])[0]['score_low'] is None


def test_while_settings_are_chosen_the_table_is_of_the_validation_split():
  rows = table.rows(results(), 'top1', RATES, 'validation')
  assert rows[0].mean == pytest.approx(0.53) and rows[1].lead.mean == pytest.approx((0.05 + 0.04 + 0.05) / 3)
  titles, shown = table.columns('top1', 'validation'), table.cells(rows[0], 'top1', 'validation')
  assert titles[3:6] == ['Top-1 accuracy, validation', '95% interval', 'MACs, non-zero'] and shown[3:6:2] == ['53.0% ± 2.0', '2.00 M']
  assert len(shown) == len(titles) and 'test' not in table.markdown(rows, 'top1', 'validation')


def test_what_is_inside_the_noise_is_said_in_words():
  noisy = {('a', 0.9): {0: 0.50, 1: 0.60}, ('b', 0.9): {0: 0.52, 1: 0.57}, ('c', 0.9): {0: 0.40}}
  told = list(table.differences(table.rows(results(noisy), 'top1', RATES)))
  assert told[0].startswith('a against b at 90%: +0.5 points (95% interval') and told[0].endswith(
    'inside the noise of so few seeds, at 1.00 times its training MACs.'
  )
  assert told[1] == 'a against c: +10.0 points at 90%, at 1.00 times its training MACs; one seed, which says nothing of the noise.'


def test_equal_says_also_whether_the_difference_is_noise():
  better = {
    ('a', 0.9): {0: 0.500, 1: 0.500, 2: 0.500},
    ('b', 0.9): {0: 0.497, 1: 0.500, 2: 0.500},
    ('c', 0.9): {0: 0.502, 1: 0.503, 2: 0.502},
  }
  first, second = table.differences(table.rows(results(better), 'top1', RATES))
  assert first.endswith(
    'equal, in that a loss above 1 point is excluded; the difference itself is inside the noise, at 1.00 times its training MACs.'
  )
  assert second.endswith(
    'equal, in that a loss above 1 point is excluded; the smaller loss is beyond the noise, at 1.00 times its training MACs.'
  )


def test_numbers_are_kept_in_full_for_programs():
  rows = table.rows(results(), 'top1', RATES)
  facts = table.as_data(rows)[1]
  assert facts['score_mean'] == rows[1].mean and facts['leads'][0]['verdict'] == 'ahead' and facts['score_by_seed'] == SCORES['b', 0.9]
  (first, second, third) = csv.DictReader(io.StringIO(table.as_csv(rows)))
  assert float(second['lead_low']) == rows[1].lead.low and third['score_deviation'] == '' and first['verdict'] == ''


def test_an_empty_table_is_a_table():
  assert table.markdown([], 'top1').startswith('| Method |') and table.as_csv([]) == '\n' and table.rows([], 'top1', {}) == []
  assert math.isnan(Row('a', 0.9, 0, {}, None, 0.0, {}, 0.0, TrainingCost(), Rate(0.1), ()).mean)
