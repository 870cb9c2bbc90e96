import numpy as np
import pytest

from st_tf.task import DataConfig, TaskError
from tasks._images import ArrayImages
from tasks._splits import Examples, check_labels, drawn, origin_notes, origins, split_of, stratified, subset

# 50, 30 and 20 of three classes, mixed.
LABELS = np.asarray([0, 1, 2, 0, 1, 0, 0, 1, 2, 0] * 10)


def examples(labels=LABELS, first=0):
  """Images whose first pixel is their number."""
  pixels = np.zeros([len(labels), 8, 8, 3], np.uint8)
  pixels[:, 0, 0, 0] = first + np.arange(len(labels))
  return Examples(ArrayImages(pixels, 'test data'), np.asarray(labels))


def numbers(split):
  return split.images.pixels[:, 0, 0, 0].tolist()


def test_a_stratified_draw_keeps_the_share_of_each_class():
  assert np.bincount(LABELS[stratified(LABELS, 10, (0,))]).tolist() == [5, 3, 2]
  assert np.bincount(LABELS[stratified(LABELS, 100, (0,))]).tolist() == [50, 30, 20]


def test_what_shares_leave_over_goes_to_the_largest_remainders_first_class_first():
  # Shares of 7: 3.5, 2.1, 1.4. Shares of 5: 2.5, 1.5, 1.0.
  assert np.bincount(LABELS[stratified(LABELS, 7, (0,))]).tolist() == [4, 2, 1]
  assert np.bincount(LABELS[stratified(LABELS, 5, (0,))]).tolist() == [3, 1, 1]


def test_a_draw_is_ascending_distinct_and_follows_its_seed():
  found = stratified(LABELS, 10, (3,))
  assert (np.diff(found) > 0).all()
  assert found.tolist() == stratified(LABELS, 10, (3,)).tolist()
  assert found.tolist() != stratified(LABELS, 10, (4,)).tolist()


def test_missing_splits_are_a_tenth_of_train_each_and_share_nothing():
  splits = drawn({'train': examples()}, DataConfig(), 'x')
  assert {name: np.bincount(split.labels).tolist() for name, split in splits.items()} == {
    'train': [40, 24, 16],
    'validation': [5, 3, 2],
    'test': [5, 3, 2],
  }
  assert sorted(number for split in splits.values() for number in numbers(split)) == list(range(100))
  assert all(LABELS[number] == label for split in splits.values() for number, label in zip(numbers(split), split.labels))


def test_without_a_test_the_official_validation_is_the_test():
  splits = drawn({'train': examples(), 'validation': examples(LABELS[:20], first=200)}, DataConfig(), 'x')
  assert numbers(splits['test']) == list(range(200, 220))
  assert len(splits['validation'].labels) == 10
  assert len(splits['train'].labels) == 90


def test_what_a_source_has_stays_as_it_is():
  given = {'train': examples(), 'validation': examples(LABELS[:20]), 'test': examples(LABELS[:30])}
  assert drawn(given, DataConfig(), 'x') == given


def test_train_examples_are_stratified_and_none_of_another_split():
  whole = drawn({'train': examples()}, DataConfig(), 'x')
  part = subset(whole['train'], DataConfig(train_examples=20), 'x')
  assert np.bincount(part.labels).tolist() == [10, 6, 4]
  assert set(numbers(part)) < set(numbers(whole['train']))
  assert subset(whole['train'], DataConfig(), 'x') is whole['train']


def test_another_data_seed_draws_another_validation_split():
  draws = [numbers(drawn({'train': examples()}, DataConfig(data_seed=seed), 'x')['validation']) for seed in (0, 0, 1)]
  assert draws[0] == draws[1] != draws[2]


@pytest.mark.parametrize('wanted', [91, -1])
def test_more_training_examples_than_there_are_is_an_error(wanted):
  with pytest.raises(TaskError, match=rf'at most the 80 training examples of x; 0 = all\. Received: {wanted}'):
    subset(drawn({'train': examples()}, DataConfig(), 'x')['train'], DataConfig(train_examples=wanted), 'x')


def test_a_split_cannot_be_drawn_from_one_example():
  with pytest.raises(TaskError, match='too few images in x for a test split'):
    drawn({'train': examples([0])}, DataConfig(), 'x')


@pytest.mark.parametrize(
  ('labels', 'message'),
  [
    ([0, 1, 3, 7], r'Labels lie in \[0, 3\)\. Received: 3 at index 2 of x \(2 such labels\)'),
    ([0, -1], r'Received: -1 at index 1 of x'),
    ([], r'A split has at least one example\. Received: an empty split in x'),
    ([0.5, 1.0], r'Labels are one whole number per image\. Received: float64 \[2\] in x'),
    ([[0], [1]], r'Received: int64 \[2, 1\] in x'),
  ],
)
def test_labels_that_are_none_are_refused_with_source_and_index(labels, message):
  with pytest.raises(TaskError, match=message):
    check_labels(np.asarray(labels), 3, 'x')


@pytest.mark.parametrize(
  ('names', 'split'),
  [
    (('train', 'Training', 'TRAIN', 'train_set', 'trainset', 'Training Set', 'train2017', 'TrainImages', 'images-train'), 'train'),
    (('val', 'valid', 'Validation', 'dev', 'DEV', 'val-set', 'val 2017', 'validation_data'), 'validation'),
    (('test', 'Testing', 'testset', 'test_dataset', 'Test.Photos', 'test_images_2019'), 'test'),
    (('trains', 'set', '', 'unlabelled', 'all', 'tests', 'sunset', 'images', 'latest', 'devices', ' '), None),
    (('trainval2017', 'train2', 'train_test', '2017'), None),
  ],
)
def test_splits_are_known_by_what_others_call_them(names, split):
  assert [split_of(name) for name in names] == [split] * len(names)


@pytest.mark.parametrize(
  ('given', 'drawn_ones', 'notes'),
  [
    (['train', 'validation', 'test'], [], []),
    (['train', 'test'], ['validation'], ['x: drawn from train by data_seed, a tenth each: validation']),
    (['train'], ['validation', 'test'], ['x: drawn from train by data_seed, a tenth each: validation and test']),
    (
      ['train', 'validation'],
      ['validation'],
      ['x: there is no test split, so the validation split is the test', 'x: drawn from train by data_seed, a tenth each: validation'],
    ),
  ],
)
def test_it_is_said_where_splits_come_from(given, drawn_ones, notes):
  found = origins(given)
  assert [split for split, origin in found.items() if origin == 'a tenth of train drawn by data_seed'] == drawn_ones
  assert list(origin_notes('x', found)) == notes
  # As they are drawn: train gives a tenth for each of these.
  splits = drawn({split: examples() for split in given}, DataConfig(), 'x')
  assert len(splits['train']) == 100 - 10 * len(drawn_ones)
