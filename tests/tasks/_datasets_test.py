import re

import numpy as np
import pytest
import tensorflow as tf

from st_tf import methods
from st_tf.arch import presets
from st_tf.config import Identity
from st_tf.runs.workdir import Workdir
from st_tf.task import SPLITS, Task, TaskError
from tests import tiny

SIDE = 16


def pictures(count, stream=0, height=SIDE, width=SIDE):
  return np.random.default_rng((7, stream)).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def coloured(count, stream=0):
  """(images, labels): a colour of three is stronger."""
  images, labels = pictures(count, stream) // 2, np.arange(count) % 3
  images[np.arange(count), :, :, labels] += 100
  return images, labels


def halves(count):
  """(images, masks): bright below a row, which is class 1; the first row is void."""
  images, masks = pictures(count) // 2, np.zeros((count, SIDE, SIDE), np.uint8)
  for index in range(count):
    masks[index, 4 + index % 8 :] = 1
  images[masks == 1] += 100
  masks[:, 0] = 255
  return images, masks


def dots(count):
  """(images, places): a dark image with two bright pixels, the joints, never at the border."""
  images, rng = pictures(count) // 4, np.random.default_rng(3)
  places = rng.integers(2, SIDE - 2, (count, 2, 2)).astype(float)
  for image, pair in zip(images, places.astype(int)):
    image[pair[:, 1], pair[:, 0]] = 255
  return images, places


def seen(task, split, batch_size=4):
  """The pixels of a split, as the network sees them without augmentation, and its targets."""
  batches = list(task.dataset(split, batch_size).as_numpy_iterator())
  images = np.concatenate([images for images, _ in batches])
  return np.rint((images * task.deviation + task.mean) * 255), [targets for _, targets in batches]


def test_given_splits_are_taken_as_they_are():
  train, validation, test = coloured(12), coloured(6, 1), coloured(9, 2)
  task = Task.from_datasets(train, validation, test, labels=['red', 'green', 'blue'], kind='classification', name='colours')
  assert task.sizes == {'train': 12, 'validation': 6, 'test': 9}
  assert (task.name, task.labels, task.image_size) == ('colours', ('red', 'green', 'blue'), (SIDE, SIDE))
  assert not task.notes
  for split, (images, labels) in zip(SPLITS, (train, validation, test)):
    found, targets = seen(task, split)
    np.testing.assert_array_equal(found, images)
    assert np.concatenate(targets).argmax(1).tolist() == labels.tolist()


def test_missing_splits_are_a_tenth_of_train_each_with_every_class_and_notes_say_so():
  task = Task.from_datasets(coloured(60))
  assert task.sizes == {'train': 48, 'validation': 6, 'test': 6}
  assert [np.concatenate(seen(task, split)[1]).sum(0).tolist() for split in SPLITS] == [[16] * 3, [2] * 3, [2] * 3]
  assert task.notes == (
    'own: by their dimensions, targets are those of classification; kind= says otherwise',
    'own: drawn from train by data_seed, a tenth each: validation and test',
  )


def test_a_validation_alone_is_the_test_as_in_folders():
  task = Task.from_datasets(coloured(60), coloured(9, 1), kind='classification')
  assert task.sizes == {'train': 54, 'validation': 6, 'test': 9}
  assert task.notes == (
    'own: there is no test split, so the validation split is the test',
    'own: drawn from train by data_seed, a tenth each: validation',
  )


def test_splits_are_drawn_as_those_of_a_folder_are():
  from tasks import _splits

  images, labels = coloured(60)
  taken = _splits.stratified(labels, 6, (5, 2))
  np.testing.assert_array_equal(seen(Task.from_datasets((images, labels), data_seed=5), 'test')[0], images[taken])


def test_the_same_images_in_two_splits_are_told():
  images, labels = coloured(12)
  task = Task.from_datasets((images, labels), test=(images[4:6], labels[4:6]), validation=coloured(3, 1), kind='classification')
  assert task.notes[-1] == 'own: images that train and test have in common: 2; scores of them flatter'


def test_a_dataset_in_batches_or_not_and_arrays_make_the_same_task():
  images, labels = coloured(60)
  rows = tf.data.Dataset.from_tensor_slices((images, labels))
  found = [Task.from_datasets(given) for given in ((images, labels), rows, rows.batch(7), (list(images / 255), np.eye(3)[labels]))]
  assert len({task.contents for task in found}) == 1
  first, *others = [next(task.dataset('train', 8, training=True, seed=2, epoch=1).as_numpy_iterator()) for task in found]
  for other in others:
    np.testing.assert_array_equal(first[0], other[0])
    np.testing.assert_array_equal(first[1], other[1])


def test_contents_change_with_every_pixel_target_label_and_place():
  def contents(change=lambda images, labels: None, **settings):
    images, labels = coloured(60)
    change(images, labels)
    return Task.from_datasets((images, labels), **settings).contents

  def pixel(images, labels):
    images[7, 3, 3, 0] ^= 1

  def label(images, labels):
    labels[7] = 0

  def order(images, labels):
    images[:] = images[::-1].copy()
    labels[:] = labels[::-1].copy()

  found = [contents(), contents(pixel), contents(label), contents(order), contents(labels=['a', 'b', 'c']), contents(data_seed=1)]
  assert re.fullmatch('[0-9a-f]{16}', found[0]) and len(set(found)) == len(found)
  assert contents() == contents(name='other', randaugment=True) == found[0]


def test_masks_count_from_0_beside_void_or_from_1_where_void_is_0():
  images, masks = halves(20)
  task = Task.from_datasets((images, masks), (images[:2], masks[:2]), (images[:3], masks[:3]), labels=['above', 'below'])
  np.testing.assert_array_equal(np.concatenate(seen(task, 'test')[1]), np.where(masks[:3] == 255, -1, masks[:3].astype(int)))
  shifted = (images, (masks + 1).astype(np.int64))  # 255 has become 0, and 0 and 1 are 1 and 2.
  other = Task.from_datasets(shifted, void=0)
  assert other.labels == ('1', '2')
  assert set(np.unique(np.concatenate(seen(other, 'test')[1]))) == {-1, 0, 1}
  assert Task.from_datasets((images, masks // 255), void=None).labels == ('0', '1')


def test_masks_may_have_the_sizes_of_their_images():
  shapes = [(20, 30), (40, 24), (16, 16)] * 4
  images = [pictures(1, index, *shape)[0] for index, shape in enumerate(shapes)]
  masks = [np.arange(height * width).reshape(height, width) % 2 for height, width in shapes]
  task = Task.from_datasets((images, masks), image_size=16, image_width=24)
  assert task.image_size == (16, 24) and task.sizes == {'train': 10, 'validation': 1, 'test': 1}
  images, targets = next(task.dataset('train', 4, training=True).as_numpy_iterator())
  assert images.shape == (4, 16, 24, 3) and targets.shape == (4, 16, 24)


def test_masks_without_a_class_or_mostly_void_are_told():
  images, masks = halves(20)
  masks[:, :12], masks[:, 12:, :2] = 255, 2
  task = Task.from_datasets((images, masks), labels=['above', 'below', 'beside', 'behind'])
  told = [note for note in task.notes if note.startswith('the train split')]
  assert told[0].startswith("the train split of own: no mask has 'above' and 1 more classes")
  assert re.fullmatch(r'the train split of own: 7\d% of the pixels are void, from which nothing is learned', told[1])


def test_joints_stand_where_they_were_given_and_the_whole_image_is_seen():
  images, places = dots(20)
  places = places + 0.25
  task = Task.from_datasets((images, places), (images[:2], places[:2]), (images[:4], places[:4]), labels=['left_eye', 'right_eye'])
  found, targets = seen(task, 'test')
  np.testing.assert_array_equal(found, images[:4])
  np.testing.assert_allclose(targets[0]['joints'], np.concatenate([places[:4], np.ones((4, 2, 1))], 2), rtol=1e-6)
  assert 'own: images are mirrored; what changes places: left/right eye' in task.notes


def test_whole_numbers_name_pixels_and_images_without_a_joint_are_left_out():
  images, places = dots(22)
  places[:2], places[3, 1] = np.nan, np.nan
  task = Task.from_datasets((images, places), (images[4:6], places[4:6]), (images[2:6], places[2:6]))
  assert task.sizes == {'train': 20, 'validation': 2, 'test': 4}
  assert 'the train split of own: left out are 2 images without a labelled joint' in task.notes
  assert any('not mirrored' in note for note in task.notes)
  joints = seen(task, 'test')[1][0]['joints']
  np.testing.assert_allclose(joints[0, :, :2], places[2] + 0.5, rtol=1e-6)
  assert joints[:, :, 2].tolist() == [[1, 1], [1, 0], [1, 1], [1, 1]]


def test_true_heatmaps_score_nearly_one():
  from tasks import _heatmaps

  task = Task.from_datasets(dots(40))
  metrics = task.metrics()
  for _, targets in task.dataset('test', 4).as_numpy_iterator():
    metrics.update(targets, _heatmaps.gaussians(tf.constant(targets['joints']), tf.constant(16), tf.constant(16), (SIDE, SIDE))[0].numpy())
  assert metrics.result()['ap'] > 0.95 and metrics.result()['pck'] > 0.95


LABELLED, MASKED, JOINTED = coloured(30), halves(30), dots(30)
ERRORS = [
  ({'name': 'shapes'}, r"name is one that no task of the project has\. Received: 'shapes'\. Write for example name='flowers'"),
  ({'kind': 'keypoint'}, r"kind is one of classification, .* Received: 'keypoint'\. Did you mean keypoints\?"),
  ({'void': 0}, r'void means nothing to classification\. Received: void=0\. Leave it out'),
  ({'sigmas': np.ones(3)}, r'sigmas means nothing to classification\. Received: sigmas=array.*\. Leave it out'),
  ({'data_dir': 'here'}, r'--data_dir means nothing to data in memory\. Received: --data_dir=here\. Leave it out'),
  ({'labels': ['a', 'b']}, r'Labels lie in \[0, 2\)\. Received: 2 at index 2 of the train split of own \(10 such labels\)\. Correct the'),
  ({'labels': list('abcd')}, r"Every class has training examples\. Received: none of 'd' in the train split of own \(1 such\)\. Add"),
  ({'train': (LABELLED[0], LABELLED[1] * 0)}, r"A classification task has at least two classes\. Received: \['0'\] in own\. Add"),
  ({'train': (MASKED[0], MASKED[1] * 0)}, r"A segmentation task has at least two classes\. Received: \['0'\] in own\. Add"),
  ({'train': JOINTED, 'labels': ['a']}, r'Every image has the 1 joints a\. Received: 2 in the train split of own\. Correct the targets'),
  ({'train': JOINTED, 'test': (JOINTED[0], JOINTED[1][:, :1])}, r'Every image has the 2 joints 0, 1\. Received: 1 in the test split'),
  (
    {'train': JOINTED, 'test': (JOINTED[0], JOINTED[1] * np.nan)},
    r'A split has a labelled joint\. Received: none in the test split of own\. Write 2 where',
  ),
  (
    {'train': (JOINTED[0], np.where([[1], [np.nan]], JOINTED[1], np.nan) * [[1], [np.nan]])},
    r"Every joint has training examples\. Received: none of '1' in the train split of own \(1 such\)\. Add",
  ),
  ({'train': (LABELLED[0][:1], LABELLED[1][:1])}, r'A missing split is drawn from train\. Received: too few images in own .* Add images'),
]


@pytest.mark.parametrize(('changes', 'message'), ERRORS, ids=[message[:40] for _, message in ERRORS])
def test_what_makes_no_task_is_said_before_training(changes, message):
  with pytest.raises(TaskError, match=message):
    Task.from_datasets(**{'train': LABELLED} | changes)


@pytest.mark.parametrize(
  'kind', ['classification', *(pytest.param(kind, marks=pytest.mark.slow) for kind in ('segmentation', 'keypoints'))]
)
def test_a_ticket_is_drawn_from_arrays(tmp_path, kind):
  given = {'classification': coloured, 'segmentation': halves, 'keypoints': dots}[kind](60)
  task = Task.from_datasets(given, kind=kind, name='mine')
  supernet = tmp_path / 'supernet.json'
  supernet.write_text(presets.to_text(tiny.SPECK))
  settings = dict(task.settings) | {'method': 'gmp', 'task': 'mine', 'supernet': str(supernet), 'epochs': 2}
  chosen = tiny.config(**settings, prune_interval=0.25)
  ticket = methods.named('gmp').draw(task, chosen, Workdir(tmp_path / 'run', Identity.of(chosen, task.contents)))
  assert ticket.task.name == 'mine' and ticket.sparsity == pytest.approx(0.8, abs=0.05)
  assert 0 <= ticket.metrics['validation'][task.primary_metric] <= 1
