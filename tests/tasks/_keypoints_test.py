import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from st_tf.task import SPLITS, DataConfig, TaskError
from st_tf.task.scoring import readable, score
from tasks import _heatmaps
from tasks._joints import Joints
from tasks._keypoints import KeypointTask
from tasks._people import Annotations, People, true_people

JOINTS = Joints(('left_hip', 'right_hip', 'neck'), (0.1,) * 3, ((0, 1),), ((0, 1), (1, 2)))
SHAPE = (48, 64)
COLOURS = np.asarray([(255, 0, 0), (0, 255, 0), (0, 0, 255)])


def split(count, seed, joints=JOINTS):
  """People in pictures of 90x120, a white one in black each time; the joints are spots of red, green and blue."""
  rng = np.random.default_rng(seed)
  pictures, boxes, keypoints = [], [], []
  for _ in range(count):
    box = np.asarray([*rng.uniform(5, 30, 2), *rng.uniform(40, 55, 2)])
    # In a row from left to right, so that no spot hides another.
    places = box[:2] + box[2:] * np.stack([(0.15, 0.5, 0.85), rng.uniform(0.15, 0.85, 3)], 1)
    places = places[rng.permutation(3)]
    picture = np.zeros((90, 120, 3))
    centres = np.arange(120) + 0.5
    for (x, y), colour in zip(places, COLOURS):
      bell = np.exp(-((centres[:90, None] - y) ** 2 + (centres - x) ** 2) / 8)
      picture = np.maximum(picture, bell[..., None] * colour)
    pictures.append(np.rint(picture).astype(np.uint8))
    boxes.append(box)
    keypoints.append(np.concatenate([places, np.full((3, 1), 2.0)], 1))
  annotations = Annotations(
    source=f'people{seed}',
    joints=joints,
    category=1,
    pictures=pictures,
    picture_ids=np.arange(count),
    shapes=np.asarray([(90, 120)] * count),
    person_ids=np.arange(count),
    picture=np.arange(count),
    boxes=np.stack(boxes),
    areas=np.full(count, 1500.0),
    keypoints=np.stack(keypoints),
    crowd=np.zeros(count, bool),
  )
  return true_people(annotations, np.arange(count), 'test')


SPLIT = {name: split(count, seed) for seed, (name, count) in enumerate({'train': 12, 'validation': 3, 'test': 5}.items())}


def make(splits=SPLIT, **settings):
  return KeypointTask('people', splits, DataConfig(**settings), shape=SHAPE, default_supernet='tiny')


def read(dataset):
  return list(dataset.as_numpy_iterator())


def perfect(task, targets, stride=4):
  maps, _ = _heatmaps.gaussians(tf.constant(targets['joints']), tf.constant(SHAPE[0] // stride), tf.constant(SHAPE[1] // stride), SHAPE)
  return maps.numpy() * (targets['joints'][:, None, None, :, 2] > 0)


def pixels(task, images):
  return np.stack([task.normalisation.denormalised(image) for image in images])


def found_spots(task, images):
  """[batch, joints, 2]: the middle of each colour's spot."""
  weights = pixels(task, images).astype(np.float64)
  weights = np.maximum(weights - weights.max(-1, keepdims=True) * (weights < weights.max(-1, keepdims=True)), 0)
  weights[np.abs(pixels(task, images).astype(int) - (124, 116, 104)).max(-1) < 3] = 0
  across, down = np.arange(SHAPE[1]) + 0.5, np.arange(SHAPE[0]) + 0.5
  total = weights.sum((1, 2))
  return np.stack([(weights.sum(1) * across[:, None]).sum(1) / total, (weights.sum(2) * down[:, None]).sum(1) / total], -1)


def assert_equal(first, second):
  assert len(first) == len(second) > 0
  for (images, targets), (others, wanted) in zip(first, second):
    np.testing.assert_array_equal(images, others)
    assert targets.keys() == wanted.keys()
    for name in targets:
      np.testing.assert_array_equal(targets[name], wanted[name])


def test_a_task_says_what_a_method_must_know():
  task = make()
  assert (task.name, task.labels, task.image_size, task.primary_metric, task.training_metric) == (
    'people',
    JOINTS.names,
    SHAPE,
    'ap',
    'pck',
  )
  assert (task.head.kind, task.head.outputs, task.default_supernet) == ('dense', 3, 'tiny')
  assert task.sizes == {'train': 12, 'validation': 3, 'test': 5}
  colours = task.semantics['colours']
  assert task.semantics == {'kind': 'keypoints', 'skeleton': [[0, 1], [1, 2]], 'colours': colours} and len(set(colours)) == 3
  assert task.settings['optimizer'] == 'adam'
  assert task.notes == (f'people: {JOINTS.mirror}',)


def test_evaluation_is_complete_and_in_a_fixed_order_and_examples_are_counted_through_the_splits():
  batches = read(make().dataset('test', 2))
  assert [images.shape for images, _ in batches] == [(2, *SHAPE, 3), (2, *SHAPE, 3), (1, *SHAPE, 3)]
  assert np.concatenate([targets['example'] for _, targets in batches]).tolist() == [15, 16, 17, 18, 19]
  assert batches[0][0].dtype == batches[0][1]['joints'].dtype == np.float32 and batches[0][1]['example'].dtype == np.int64
  assert_equal(batches, read(make().dataset('test', 2, seed=5, epoch=3)))


def test_the_same_call_gives_the_same_training_batches_to_the_bit():
  first = read(make().dataset('train', 5, training=True, seed=1, epoch=2))
  assert [len(images) for images, _ in first] == [5, 5]
  assert_equal(first, read(make().dataset('train', 5, training=True, seed=1, epoch=2)))
  for seed, epoch in ((1, 3), (2, 2)):
    assert (first[0][0] != read(make().dataset('train', 5, training=True, seed=seed, epoch=epoch))[0][0]).any()


def test_starting_inside_an_epoch_is_skipping_batches():
  whole = read(make().dataset('train', 3, training=True, seed=1))
  assert_equal(whole[2:], read(make().dataset('train', 3, training=True, seed=1, start_batch=2)))
  assert read(make().dataset('train', 3, training=True, seed=1, start_batch=4)) == []
  assert_equal(read(make().dataset('test', 2))[1:], read(make().dataset('test', 2, start_batch=1)))


def test_augmentation_belongs_to_the_example_whatever_the_batch_and_the_subset():
  whole, part = make(), make(train_examples=5)
  assert part.sizes['train'] == 5
  ((images, targets),) = read(whole.dataset('train', 12, training=True, seed=3))
  ((few, of_few),) = read(part.dataset('train', 5, training=True, seed=3))
  assert sorted(targets['example']) == list(range(12))
  for image, example in zip(few, of_few['example']):
    np.testing.assert_array_equal(image, images[targets['example'].tolist().index(example)])


def test_the_seed_of_the_data_decides_the_subset():
  chosen = [make(train_examples=4, data_seed=seed)._chosen.tolist() for seed in (0, 0, 1)]
  assert chosen[0] == chosen[1] != chosen[2]


def test_joints_lie_on_what_the_crop_shows():
  ((images, targets),) = read(make().dataset('train', 12))
  np.testing.assert_allclose(found_spots(make(), images), targets['joints'][..., :2], atol=1.0)


def test_joints_lie_on_what_the_crop_shows_also_when_it_is_zoomed_turned_and_mirrored():
  """In the mirror the left hip, red, is the right one: its place is then the second joint's."""
  task, flips, checked = make(), 0, 0
  for epoch in range(10):
    ((images, targets),) = read(task.dataset('train', 12, training=True, epoch=epoch))
    spots, joints = found_spots(task, images), targets['joints']
    inside = (joints[..., 2] > 0).all(1) & ((joints[..., :2] > 5) & (joints[..., :2] < np.asarray(SHAPE[::-1]) - 5)).all((1, 2))
    for spot, joint in zip(spots[inside], joints[inside, :, :2]):
      flipped = np.abs(spot[[1, 0, 2]] - joint).max() < np.abs(spot - joint).max()
      np.testing.assert_allclose(spot[[1, 0, 2]] if flipped else spot, joint, atol=1.0)
      flips, checked = flips + flipped, checked + 1
  assert checked > 50 and 0.25 < flips / checked < 0.75


def test_joints_that_are_not_known_to_change_places_are_never_mirrored():
  unknown = dataclasses.replace(JOINTS, pairs=None)
  task = make({name: split(8, seed, unknown) for seed, name in enumerate(SPLITS)})
  for epoch in range(3):
    ((images, targets),) = read(task.dataset('train', 8, training=True, epoch=epoch))
    joints = targets['joints']
    inside = ((joints[..., :2] > 5) & (joints[..., :2] < np.asarray(SHAPE[::-1]) - 5)).all((1, 2))
    assert inside.any()
    np.testing.assert_allclose(found_spots(task, images)[inside], joints[inside, :, :2], atol=1.0)


def test_a_joint_outside_the_crop_or_without_label_has_no_weight():
  known = SPLIT['test'].annotations
  keypoints = known.keypoints.copy()
  keypoints[0, 0, :2] = 119, 89
  keypoints[1, 1] = 0
  people = dataclasses.replace(SPLIT['test'], annotations=dataclasses.replace(known, keypoints=keypoints))
  ((_, targets),) = read(make(SPLIT | {'test': people}).dataset('test', 5))
  assert targets['joints'][..., 2].tolist() == [[0, 1, 1], [1, 0, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]]


def test_perfect_heatmaps_score_nearly_one_on_every_split_and_moved_ones_do_not():
  task = make()
  for name in SPLITS:
    metrics, moved = task.metrics(), task.metrics()
    for _, targets in read(task.dataset(name, 2)):
      metrics.update(targets, perfect(task, targets))
      moved.update(targets, np.roll(perfect(task, targets), 5, 2))
    assert metrics.result()['ap'] > 0.99 and metrics.result()['pck'] > 0.99
    assert moved.result()['ap'] < 0.05


def test_a_batch_is_scored_by_its_pck_also_without_a_joint_to_be_seen():
  task = make()
  _, targets = read(task.dataset('train', 12, training=True))[0]
  outputs = perfect(task, targets)
  assert task.batch_score(targets, outputs) > 0.95
  assert task.batch_score(targets, np.full_like(outputs, np.nan)) == 0
  unseen = targets | {'joints': targets['joints'] * np.float32([1, 1, 0])}
  assert task.batch_score(unseen, outputs) == 0


def test_with_the_flip_test_outputs_are_the_mean_of_both_looks_with_pairs_exchanged():
  """A network that knows the spots by their colours, in the mirror too, where red is the right hip."""
  plain, task, looks = make(), make(flip_test=True), []
  images = read(task.dataset('test', 5))[0][0]

  def infer(batch):
    looks.append(batch)
    spots = found_spots(task, batch)
    maps = perfect(task, {'joints': np.concatenate([spots, np.ones((*spots.shape[:2], 1))], 2).astype(np.float32)})
    return maps if np.array_equal(batch, images) else maps[..., [1, 0, 2]]

  once = plain.answers(infer, images)
  assert len(looks) == 1
  np.testing.assert_allclose(task.answers(infer, images), once, atol=0.05)
  assert len(looks) == 3
  np.testing.assert_array_equal(looks[2], images[:, :, ::-1])


def test_an_error_to_one_side_is_averaged_to_both_sides():
  """By hand: a network that answers one cell too far right has, in the mirror, one cell too far left."""
  task = make(flip_test=True)
  outputs = np.zeros((1, 3, 5, 3), np.float32)
  outputs[0, 1, 3] = 1
  found = task.answers(lambda images: outputs, np.zeros((1, *SHAPE, 3), np.float32))
  assert found[0, 1].T.tolist() == [[0, 0.5, 0, 0.5, 0]] * 3


def test_a_flip_test_of_joints_without_known_pairs_is_refused():
  unknown = dataclasses.replace(JOINTS, pairs=None)
  with pytest.raises(TaskError, match=r'which joints change places .* Received: the joints left_hip, right_hip, neck of people'):
    make({name: split(3, 0, unknown) for name in SPLITS}, flip_test=True)


def test_a_sample_shows_the_image_the_truth_and_the_answer():
  task = make()
  images, targets = read(task.dataset('test', 5))[0]
  outputs = perfect(task, targets)
  outputs[0, ..., 2] = 0
  sample = task.sample(pixels(task, images)[0], {name: values[0] for name, values in targets.items()}, outputs[0])
  assert [caption for caption, _ in sample.pictures] == ['image', 'truth', 'prediction, 2 of 3 right']
  image, truth, answer = (picture for _, picture in sample.pictures)
  assert image.shape == (*SHAPE, 3) and truth.shape == answer.shape == (240, 320, 3)
  colours = dict(sample.legend)
  assert list(colours) == list(JOINTS.names)
  x, y, _ = targets['joints'][0, 2] * 5
  assert '#' + truth[int(y), int(x)].tobytes().hex() == colours['neck']
  assert not (answer == truth[int(y), int(x)]).all(-1).any()


def test_a_network_that_diverged_can_be_shown():
  task = make()
  images, targets = read(task.dataset('test', 5))[0]
  sample = task.sample(pixels(task, images)[0], {name: values[0] for name, values in targets.items()}, np.full((12, 16, 3), np.nan))
  assert sample.pictures[2][0] == 'prediction, 0 of 3 right'


def test_a_small_network_learns_where_the_joints_are():
  """Two convolutions see colours; SGD at the usual rate must get them there in seconds, and the flip test must not hurt."""
  splits = {name: split(count, seed) for seed, (name, count) in enumerate({'train': 128, 'validation': 2, 'test': 32}.items())}
  # In a mirror the colours would change their meaning: these joints have no sides here.
  alike = {
    name: dataclasses.replace(people, annotations=dataclasses.replace(people.annotations, joints=dataclasses.replace(JOINTS, pairs=())))
    for name, people in splits.items()
  }
  task = make(alike)
  layers = keras.layers
  keras.utils.set_random_seed(0)
  model = keras.Sequential(
    [
      layers.Conv2D(16, 3, 2, 'same', activation='relu', input_shape=(*SHAPE, 3)),
      layers.BatchNormalization(),
      layers.Conv2D(16, 3, 2, 'same', activation='relu'),
      layers.BatchNormalization(),
      layers.Conv2D(3, 3, 1, 'same', kernel_initializer=keras.initializers.RandomNormal(0, 1e-3)),
    ]
  )
  optimizer = keras.optimizers.SGD(0.05, 0.9)

  @tf.function
  def step(images, targets):
    with tf.GradientTape() as tape:
      loss = tf.reduce_mean(task.loss(targets, model(images, training=True)))
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
    return loss

  losses = [float(step(*batch)) for epoch in range(16) for batch in task.dataset('train', 16, training=True, epoch=epoch)]
  assert np.mean(losses[-8:]) < 0.5 * np.mean(losses[:8])
  found = {}
  for flip_test in (False, True):
    tested = make(alike, flip_test=flip_test)
    found[flip_test] = score(lambda images: model(images, training=False).numpy(), tested, 'test', 16).result()
  assert found[False]['pck'] > 0.8 and found[True]['pck'] > found[False]['pck'] - 0.03
  assert found[True]['ap'] > found[False]['ap'] - 0.03


@pytest.mark.parametrize(
  ('settings', 'message'),
  [
    ({'mixup': 0.2}, r'--mixup means nothing to keypoints\. Received: --mixup=0\.2'),
    ({'randaugment': True}, r'--randaugment means nothing to keypoints'),
    ({'class_weights': '1,2,3'}, r'--class_weights means nothing to keypoints'),
    ({'class_names': 'a,b'}, r'--class_names means nothing to keypoints'),
    ({'train_examples': 13}, r'--train_examples is at most the 12 training examples of people; 0 = all\. Received: 13'),
  ],
)
def test_settings_that_fit_no_such_task_are_refused(settings, message):
  with pytest.raises(TaskError, match=message):
    make(**settings)


def test_an_empty_split_is_named():
  test = SPLIT['test']
  empty = People(test.annotations, test.pictures, *(values[:0] for values in (test.picture, test.boxes, test.scores, test.truth)))
  with pytest.raises(TaskError, match=r'A split has at least one person\. Received: an empty test split of people'):
    make(SPLIT | {'test': empty})


def test_bad_calls_are_refused():
  with pytest.raises(TaskError, match=r"A split is one of train, validation, test\. Received: 'val'"):
    make().dataset('val', 8)
  for batch_size, start in ((0, 0), (4, -1)):
    with pytest.raises(TaskError, match=rf'Received: {batch_size}, {start}'):
      make().dataset('train', batch_size, start_batch=start)


def test_a_bad_picture_is_named_in_reading(tmp_path):
  (tmp_path / 'bad.jpg').write_bytes(b'no picture')
  test = SPLIT['test']
  pictures = [*test.annotations.pictures[:4], tmp_path / 'bad.jpg']
  people = dataclasses.replace(test, annotations=dataclasses.replace(test.annotations, pictures=pictures))
  with pytest.raises(TaskError, match=rf'An image can be decoded\. Received: {tmp_path}/bad\.jpg'):
    list(readable(make(SPLIT | {'test': people}).dataset('test', 5).as_numpy_iterator()))
