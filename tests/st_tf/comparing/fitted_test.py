"""The table keeps within the terminal and loses nothing."""

import itertools

import pytest

from st_tf.comparing import fitted

TITLES = ['Method', 'Sparsity', 'Top-1 accuracy, test', 'Training, MACs']
ROWS = [
  ['a', '90%', '50.0% ± 1.2', '4.00 T'],
  ['a_long:reactivation=masked:ranking=erk (cost of 60 epochs)', '95%', '49.0% ± 1.0', '12.0 T'],
]


def test_where_there_is_room_only_titles_are_wrapped():
  lines = fitted.table(TITLES, ROWS, 120)
  assert lines[-2:] == [f'a{" " * 64}90%  50.0% ± 1.2     4.00 T', f'{ROWS[1][0]}       95%  49.0% ± 1.0     12.0 T']
  assert [line.split() for line in lines[:-2]] == [['Top-1'], ['accuracy,', 'Training,'], ['Method', 'Sparsity', 'test', 'MACs']]


@pytest.mark.parametrize('room', [38, 40, 50, 64, 80, 100, 300])
def test_no_line_is_wider_than_the_terminal_and_every_cell_is_there(room):
  lines = fitted.table(TITLES, ROWS, room)
  assert max(map(len, lines)) <= room
  words = ''.join(lines).replace(' ', '')
  assert all(cell.replace(' ', '') in words for row in ROWS for cell in row[1:])
  name = ''.join(line[: line.rfind('  ')].split('  ')[0] for line in itertools.dropwhile(lambda line: not line.startswith('a_'), lines))
  assert name.replace(' ', '').startswith('a_long:')


def test_what_has_no_room_stands_below_with_its_rows_named_again():
  lines = fitted.table(TITLES, [row[:] for row in ROWS[:1]], 32)
  assert lines == [
    *(
      '                        Top-1',
      '                    accuracy,',
      'Method  Sparsity         test',
      'a            90%  50.0% ± 1.2',
      '',
    ),
    *('                  Training,', 'Method  Sparsity       MACs', 'a            90%     4.00 T'),
  ]


def test_names_are_broken_behind_colons_and_else_where_they_must():
  assert fitted._wrapped('gmp:epochs=60:learning_rate=0.05', 20) == ['gmp:epochs=60:', 'learning_rate=0.05']
  assert fitted._wrapped('abcdefghij', 4) == ['abcd', 'efgh', 'ij'] and fitted._wrapped('', 4) == ['']


def test_the_width_is_the_terminals(monkeypatch):
  monkeypatch.setenv('COLUMNS', '77')
  assert fitted.width() == 77


def test_words_are_wrapped_and_names_stay_whole():
  assert fitted.text('a against b-c at 90%: ahead', 20).splitlines() == ['a against b-c at', '  90%: ahead']
