"""Numbers are short, and right where the unit changes."""

import pytest

from st_tf import wording


@pytest.mark.parametrize(
  'value, text',
  [
    (0, '0'),
    (999, '999'),
    (1000, '1.00 k'),
    (74_123, '74.1 k'),
    (999_600, '1.00 M'),
    (14_026_752, '14.0 M'),
    (2.4228e9, '2.42 G'),
    (3.281e12, '3.28 T'),
  ],
)
def test_counts_have_three_digits(value, text):
  assert wording.count(value) == text


@pytest.mark.parametrize('fraction, text', [(0.583, '58.3%'), (1, '100.0%'), (0, '0.0%'), (0.0042, '0.42%')])
def test_fractions_are_shown_as_percent(fraction, text):
  assert wording.percent(fraction) == text


def test_a_loss_is_no_percentage():
  assert wording.score('loss', 1.6549) == '1.655'


def test_small_losses_keep_three_digits():
  assert [wording.loss(value) for value in (2.3026, 0.1, 0.0021749, 0.0)] == ['2.303', '0.100', '0.00217', '0.000']
  assert wording.score('top1', 0.5) == '50.0%'


@pytest.mark.parametrize('seconds, text', [(4.25, '4.2 s'), (200, '3 min 20 s'), (3712, '1 h 01 min')])
def test_durations_change_their_unit(seconds, text):
  assert wording.duration(seconds) == text


@pytest.mark.parametrize('count, text', [(842_100, '842.1 KB'), (1_250_000, '1.25 MB')])
def test_sizes_are_decimal(count, text):
  assert wording.size(count) == text


def test_an_unknown_score_keeps_its_name():
  assert wording.score_name('top1') == 'top-1 accuracy'
  assert wording.score_name('mean_iou') == 'mean_iou'


def test_a_title_keeps_abbreviations():
  assert [wording.score_title(name) for name in ('top1', 'miou', 'iou', 'ap', '')] == ['Top-1 accuracy', 'Mean IoU', 'IoU', 'AP', '']


def test_an_epoch_is_one_line():
  row = {'epoch': 3, 'loss': 0.00216, 'train_pck': 0.071, 'validation': {'ap': 0.012}, 'sparsity': 0.5}
  row |= {'macs': 69.23e6, 'nonzero_macs': 30e6, 'learning_rate': 0.005, 'seconds': 61.4}
  assert wording.epoch(row, 8, 'ap', 'pck', 307.0) == (
    'epoch   3/8  loss 0.00216  train   7.1% PCK  val   1.2% AP  sparsity 50.0%  MACs    69.23M  non-zero    30.00M  lr 5.0e-03     61 s,'
    ' 5 min 07 s left'
  )
  assert wording.epoch(row, 8, 'ap', 'pck').endswith('61 s')


@pytest.mark.parametrize(('sparsity', 'text'), [(0.9, '90%'), (0.985, '98.5%'), (0.995, '99.5%'), (0.29, '29%'), (0.0, '0%')])
def test_a_sparsity_has_as_many_digits_as_it_needs(sparsity, text):
  assert wording.sparsity(sparsity) == text


@pytest.mark.parametrize(
  'name, title',
  [
    ('shapes', 'shapes'),
    ('folder:photos', 'photos'),
    ('folder:my photos/', 'my photos'),
    ('segmentation:../data/camvid', 'camvid'),
    ('folder:..', 'folder:..'),
    ('folder:', 'folder:'),
    ('tfds:mnist_corrupted/fog', 'mnist_corrupted/fog'),
    ('module:my.own.task', 'my.own.task'),
  ],
)
def test_a_task_has_the_title_that_a_person_gives_it(name, title):
  assert wording.task_title(name) == title


def test_a_command_is_broken_before_its_flags():
  assert wording.command_lines('python -m x --a=1 --b="c d - e"') == ['python -m x', '--a=1', '--b="c d - e"']
