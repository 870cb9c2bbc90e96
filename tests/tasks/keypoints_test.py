import json

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from st_tf.task import SPLITS, DataConfig, TaskError, load
from st_tf.task.scoring import score
from tasks import _heatmaps
from tasks._coco import read_folder
from tests.tasks._coco_test import NAMES, box, boxes_file, content, fill, write


def open_folder(path, **settings):
  return load(f'keypoints:{path}', DataConfig(**settings))


def squares(root, side):
  """A folder whose pictures are all squares."""
  for part, count, first in (('train2017', 20, 0), ('val2017', 4, 100)):
    data = content(count, first)
    for entry in data['images']:
      entry.update(width=side, height=side)
    write(root, part, data)
  return root


def perfect(task, split):
  """The scores of an answer that draws the true joints, at a quarter of the size."""
  height, width = task.image_size
  metrics = task.metrics()
  for _, targets in task.dataset(split, 64).as_numpy_iterator():
    maps, _ = _heatmaps.gaussians(tf.constant(targets['joints']), tf.constant(height // 4), tf.constant(width // 4), task.image_size)
    metrics.update(targets, maps.numpy() * (targets['joints'][:, None, None, :, 2] > 0))
  return metrics.result()


def test_a_folder_in_cocos_layout_is_a_task(tmp_path):
  task = open_folder(fill(tmp_path))
  assert (task.name, task.labels, task.image_size) == (f'keypoints:{tmp_path}', ('left_hip', 'right_hip', 'neck'), (256, 192))
  assert task.sizes == {'train': 36, 'validation': 4, 'test': 8}
  images, targets = next(task.dataset('train', 3, training=True).as_numpy_iterator())
  assert images.shape == (3, 256, 192, 3) and targets['joints'].shape == (3, 3, 3)
  assert perfect(task, 'test')['ap50'] == pytest.approx(1)


def test_a_relative_path_counts_from_the_data_dir(tmp_path):
  fill(tmp_path / 'people')
  assert load('keypoints:people', DataConfig(data_dir=str(tmp_path))).name == 'keypoints:people'


def test_pictures_that_are_all_squares_of_one_size_are_shown_at_that_size(tmp_path):
  assert open_folder(squares(tmp_path / 'small', 64)).image_size == (64, 64)
  assert open_folder(squares(tmp_path / 'large', 300)).image_size == (256, 256)


def test_the_flags_set_the_size(tmp_path):
  fill(tmp_path)
  assert open_folder(tmp_path, image_size=64).image_size == (64, 64)
  assert open_folder(tmp_path, image_size=64, image_width=48).image_size == (64, 48)
  assert next(iter(open_folder(tmp_path, image_size=64, image_width=48).dataset('test', 2)))[0].shape == (2, 64, 48, 3)


def test_drawn_splits_are_said_to_be(tmp_path):
  tenth = 'a tenth of train drawn by data_seed'
  assert open_folder(fill(tmp_path)).origins == {'validation': tenth, 'test': 'the validation split'}
  (tmp_path / 'annotations' / 'person_keypoints_val2017.json').unlink()
  task = open_folder(tmp_path)
  assert task.origins == {'validation': tenth, 'test': tenth}
  assert task.notes[-1] == f'keypoints:{tmp_path}: drawn from train by data_seed, a tenth each: validation and test'


def test_people_who_are_left_out_are_counted_by_the_file(tmp_path):
  data = content(20)
  data['annotations'][0]['iscrowd'] = 1
  for person in data['annotations'][1:4]:
    person['keypoints'] = [0] * 9
  write(tmp_path, 'train2017', data)
  of_val = content(4, 100)
  of_val['annotations'][2]['keypoints'] = [0] * 9
  write(tmp_path, 'val2017', of_val)
  task = open_folder(tmp_path)
  start = f'{tmp_path}/annotations/person_keypoints_'
  assert task.notes == (
    f'keypoints:{tmp_path}: images are mirrored; what changes places: left/right hip; neck stays',
    f'{start}train2017.json: left out are 1 crowds, 3 people without a labelled joint',
    f'{start}val2017.json: left out are 1 people without a labelled joint',
    f'keypoints:{tmp_path}: there is no test split, so the validation split is the test',
    f'keypoints:{tmp_path}: drawn from train by data_seed, a tenth each: validation',
  )
  assert task.sizes['train'] + task.sizes['validation'] == 36


@pytest.mark.parametrize('part', ['train2017/000000000007', 'val2017/000000000102'])
def test_a_picture_that_is_cut_off_is_named_at_the_start_whatever_its_split(tmp_path, part):
  path = fill(tmp_path) / f'{part}.png'
  path.write_bytes(path.read_bytes()[:-500])
  with pytest.raises(TaskError, match=rf'An image can be decoded\. Received: {path}'):
    open_folder(tmp_path)


def test_an_image_of_another_size_than_annotated_is_named(tmp_path):
  fill(tmp_path)
  Image.new('RGB', (61, 40)).save(tmp_path / 'val2017' / '000000000102.png')
  with pytest.raises(TaskError, match=r'has the size that its annotations name\. Received: 61x40 of .*000000000102\.png, 60x40'):
    open_folder(tmp_path)


def test_a_box_outside_its_image_is_named(tmp_path):
  fill(tmp_path)
  file = tmp_path / 'annotations' / 'person_keypoints_train2017.json'
  data = json.loads(file.read_text())
  for person in data['annotations']:
    person['bbox'] = [70, 5, 10, 10]
    person['keypoints'][:3] = [69, 10, 2]  # Near it.
  file.write_text(json.dumps(data))
  with pytest.raises(
    TaskError, match=rf'has an area inside its image\. Received: \[70\.0, 5\.0, 10\.0, 10\.0\] of annotation \d+ of {file}'
  ):
    open_folder(tmp_path)


def test_scores_on_detections_end_to_end(tmp_path):
  """Of 8 people in 4 pictures a detector found 4, one of them twice, and one who is not there."""
  fill(tmp_path)
  found = [box(100, 0.9), box(101, 0.8), box(102, 0.7), box(100, 0.6, bbox=[22.25, 5, 14, 30]), box(103, 0.2, bbox=[50, 1, 9, 5])]
  task = open_folder(tmp_path, detections=str(boxes_file(tmp_path, found)), image_size=64, image_width=48)
  assert task.sizes['test'] == 5
  scores = perfect(task, 'test')
  assert scores['ar'] == pytest.approx(0.5, abs=0.1) and scores['pck'] == 1


def test_a_diverged_network_is_scored_and_not_refused(tmp_path):
  task = open_folder(squares(tmp_path, 64))
  metrics = score(lambda images: np.full((len(images), 16, 16, 3), np.nan, np.float32), task, 'test', 4)
  assert metrics.result()['ap'] == metrics.result()['pck'] == 0


def test_real_people_are_found_by_their_own_heatmaps(data_dir):
  folder = data_dir / 'lsp_extended'
  if not folder.is_dir():
    pytest.skip(f'no {folder}')
  task = open_folder(folder)
  assert task.sizes == {'train': 7200, 'validation': 800, 'test': 1000}
  assert task.image_size == (96, 96) and len(task.labels) == 14 and len(task._joints.pairs) == 6
  names = [{picture.name for picture in np.asarray(people.annotations.pictures)[people.picture]} for people in task._splits.values()]
  assert len(set.union(*names)) == 9000 == sum(task.sizes[split] for split in SPLITS)
  scores = perfect(task, 'test')
  assert scores['ap'] > 0.99 and scores['pck'] > 0.99 and 'ap_l' not in scores


def test_the_category_that_is_asked_for_is_learned_in_all_files(tmp_path):
  for part, first in (('train2017', 0), ('val2017', 100)):
    data = content(12, first)
    data['categories'].append({'id': 9, 'name': 'dog', 'keypoints': ['tail']})
    data['annotations'].append({'id': 99, 'image_id': first, 'category_id': 9, 'keypoints': [5, 5, 2], 'bbox': [1, 1, 9, 9], 'area': 81})
    write(tmp_path, part, data)
  with pytest.raises(TaskError, match=r"2 with joints in .*train2017\.json: 1 'person' with 24, 9 'dog' with 1 annotations\. Say which"):
    read_folder(tmp_path, 'test', DataConfig())
  assert read_folder(tmp_path, 'test', DataConfig(category='person'))['test'].annotations.joints.names == tuple(NAMES)


def test_detections_of_a_turned_picture_are_turned_with_its_people(tmp_path):
  fill(tmp_path)
  exif = Image.Exif()
  exif[274] = 6
  Image.new('RGB', (60, 40)).save(tmp_path / 'val2017' / '000000000100.png', exif=exif)
  test = read_folder(tmp_path, 'test', DataConfig(detections=str(boxes_file(tmp_path, [box(100, bbox=[2, 5, 14, 30])]))))['test']
  assert test.boxes.tolist() == [[40 - 35, 2, 30, 14]] and test.truth.tolist() == [0]


def test_detections_in_a_picture_that_is_not_there_are_named_at_the_start(tmp_path):
  data = content(3, 100)
  data['images'].append({'id': 103, 'file_name': 'gone.png'})
  write(fill(tmp_path, val=0), 'val2017', data | {'images': data['images'][:3]})
  (tmp_path / 'annotations' / 'person_keypoints_val2017.json').write_text(json.dumps(data))
  assert len(read_folder(tmp_path, 'test', DataConfig())['test']) == 6
  with pytest.raises(TaskError, match=r'is a file that exists\. Received: .*gone\.png'):
    read_folder(tmp_path, 'test', DataConfig(detections=str(boxes_file(tmp_path, [box(100), box(103)]))))
