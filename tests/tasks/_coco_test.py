import json

import numpy as np
from PIL import Image
import pytest

from st_tf.task import DataConfig, TaskError
from tasks._coco import annotations, detections, read_folder

NAMES = ['left_hip', 'right_hip', 'neck']


def content(images=6, first=0, names=NAMES, per_image=2):
  """A file in COCO's format: `images` of 60x40, each with so many people, whose joints are at no whole pixels."""
  entries = [{'id': first + index, 'file_name': f'{first + index:012}.png', 'width': 60, 'height': 40} for index in range(images)]
  people = []
  for index in range(images):
    for other in range(per_image):
      x = 5.25 + 20 * other
      joints = [value for joint in range(len(names)) for value in (x + 2 * joint, 10.5 + 5 * (joint % 6), 2)]
      person = {'id': len(people), 'image_id': first + index, 'category_id': 1, 'iscrowd': 0, 'num_keypoints': len(names)}
      people.append(person | {'keypoints': joints, 'bbox': [x - 3, 5, 14, 30], 'area': 300.5})
  category = {'id': 1, 'name': 'person', 'keypoints': list(names), 'skeleton': [[1, 2]]}
  return {'images': entries, 'annotations': people, 'categories': [category]}


def write(root, part, data):
  """Annotations and pictures of one part, whose pixels are those of its image's number."""
  (root / 'annotations').mkdir(parents=True, exist_ok=True)
  (root / part).mkdir(exist_ok=True)
  (root / 'annotations' / f'person_keypoints_{part}.json').write_text(json.dumps(data))
  for entry in data['images']:
    pixels = np.random.default_rng(entry['id']).integers(0, 256, (entry['height'], entry['width'], 3)).astype(np.uint8)
    Image.fromarray(pixels).save(root / part / entry['file_name'])
  return root


def fill(root, train=20, val=4, **kwargs):
  """A folder in COCO's layout."""
  write(root, 'train2017', content(train, **kwargs))
  return write(root, 'val2017', content(val, 100, **kwargs)) if val else root


def parsed(tmp_path, data):
  write(tmp_path, 'train2017', data)
  return annotations(tmp_path / 'annotations' / 'person_keypoints_train2017.json', tmp_path / 'train2017')


def opened(root, **settings):
  return read_folder(root, 'test', DataConfig(**settings))


def boxes_file(tmp_path, entries):
  path = tmp_path / 'boxes.json'
  path.write_text(json.dumps(entries))
  return path


def box(image, score=0.5, **changes):
  return {'image_id': image, 'category_id': 1, 'bbox': [2.25, 5, 14, 30], 'score': score} | changes


def test_a_file_is_read_as_it_is(tmp_path):
  found = parsed(tmp_path, content())
  assert found.joints.names == tuple(NAMES) and found.joints.limbs == ((0, 1),) and found.joints.pairs == ((0, 1),)
  assert (len(found.pictures), found.shapes.tolist()[0], found.picture.tolist()) == (6, [40, 60], [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
  assert found.keypoints[1].tolist() == [[25.25, 10.5, 2], [27.25, 15.5, 2], [29.25, 20.5, 2]]
  assert (found.boxes[1].tolist(), found.areas[1]) == ([22.25, 5, 14, 30], 300.5)
  assert found.read(3).size == (60, 40)


def with_joints(data, *joints):
  for person in data['annotations']:
    person['keypoints'] = list(joints)
  return data


def test_joints_at_whole_numbers_are_the_centres_of_pixels(tmp_path):
  for part, first in (('train2017', 0), ('val2017', 100)):
    write(tmp_path, part, with_joints(content(3, first), 7, 8, 2, 9, 12, 1, 0, 0, 0))
  for people in opened(tmp_path).values():
    assert people.keypoints(0).tolist()[:2] == [[7.5, 8.5, 2], [9.5, 12.5, 1]]


@pytest.mark.parametrize('whole', ['train2017', 'val2017'])
def test_whole_numbers_in_one_file_alone_are_no_centres_of_pixels(tmp_path, whole):
  for part, first in (('train2017', 0), ('val2017', 100)):
    write(tmp_path, part, with_joints(content(3, first), *(7 if part == whole else 7.25, 8, 2, 9, 12, 1, 0, 0, 0)))
  for people in opened(tmp_path).values():
    assert people.keypoints(0)[:2, 1:].tolist() == [[8, 2], [12, 1]]


@pytest.mark.parametrize('place', [(2000, 10.5), (-30.5, 10.5), (20, 70.5), (20, -31)])
def test_a_joint_far_outside_its_image_is_named(tmp_path, place):
  data = content()
  data['annotations'][3]['keypoints'][3:5] = place
  with pytest.raises(
    TaskError,
    match=rf"Received: 'right_hip' at \({place[0]}, {place[1]}\) of annotation 3 in .*train2017\.json, an image of 60x40 \(1 such joints\)",
  ):
    opened(write(tmp_path, 'train2017', data))


def test_joints_near_their_image_and_those_of_nobody_are_read(tmp_path):
  data = content()
  # The longer side of the boxes is 30: as far a joint may lie outside. Unlabelled joints and crowds are not looked at.
  data['annotations'][0]['keypoints'] = [90, 10.5, 2, 20, -25, 2, 2000, 0, 0]
  data['annotations'][1].update(keypoints=[2000, 0, 2] * 3, iscrowd=1)
  assert parsed(tmp_path, data).keypoints[0].tolist() == [[90, 10.5, 2], [20, -25, 2], [0, 0, 0]]


def test_people_of_other_categories_do_not_disturb(tmp_path):
  data = content(3)
  data['categories'].insert(0, {'id': 5, 'name': 'dog'})
  data['annotations'].append({'id': 77, 'image_id': 0, 'category_id': 5, 'bbox': [0, 0, 1, 1]})
  assert len(parsed(tmp_path, data).person_ids) == 6


def test_the_val_file_is_the_test_and_a_tenth_of_the_train_pictures_the_validation(tmp_path):
  splits = opened(fill(tmp_path))
  assert {split: len(people) for split, people in splits.items()} == {'train': 36, 'validation': 4, 'test': 8}
  assert splits['test'].annotations.source.endswith('person_keypoints_val2017.json')


def test_no_picture_is_in_two_splits_and_the_seed_decides_which(tmp_path):
  fill(tmp_path, val=0)
  first, again, other = (opened(tmp_path, data_seed=seed) for seed in (3, 3, 4))
  pictures = {split: set(people.picture.tolist()) for split, people in first.items()}
  assert {split: len(found) for split, found in pictures.items()} == {'train': 16, 'validation': 2, 'test': 2}
  assert set.union(*pictures.values()) == set(range(20))
  assert pictures == {split: set(people.picture.tolist()) for split, people in again.items()}
  assert pictures['validation'] | pictures['test'] != set(other['validation'].picture.tolist()) | set(other['test'].picture.tolist())


def test_detections_are_the_boxes_of_the_test_and_training_keeps_the_true_ones(tmp_path):
  path = boxes_file(tmp_path, [box(100), box(101, 0.25), box(101, category_id=3)])
  plain, splits = opened(fill(tmp_path)), opened(tmp_path, detections=str(path))
  assert (splits['test'].boxes.tolist(), splits['test'].scores.tolist()) == ([[2.25, 5, 14, 30]] * 2, [0.5, 0.25])
  # Pictures without a box belong to the test all the same.
  assert splits['test'].picture_ids.tolist() == [100, 101, 102, 103]
  assert all(splits[split].boxes.tolist() == plain[split].boxes.tolist() for split in ('train', 'validation'))


def test_detections_of_the_validations_pictures_are_used_there(tmp_path):
  wanted = opened(fill(tmp_path))['validation'].picture_ids.tolist()
  splits = opened(tmp_path, detections=str(boxes_file(tmp_path, [box(100), *map(box, wanted)])))
  assert splits['validation'].scores.tolist() == [0.5] * len(wanted)


def test_a_number_that_both_files_have_is_the_tests(tmp_path):
  write(tmp_path, 'train2017', content(20))
  write(tmp_path, 'val2017', content(20))
  splits = opened(tmp_path, detections=str(boxes_file(tmp_path, [box(index) for index in range(20)])))
  assert len(splits['test']) == 20 and set(splits['validation'].scores) == {1}


def test_a_detection_of_an_unknown_image_is_named(tmp_path):
  path = boxes_file(tmp_path, [box(100), box(4711)])
  with pytest.raises(TaskError, match=rf"'image_id' is that of an annotated image\. Received: 4711 in {path} \(1 such"):
    opened(fill(tmp_path), detections=str(path))


def test_detections_without_any_of_the_test_are_refused(tmp_path):
  for entries in ([], [box(0)], [box(100, category_id=2)]):
    path = boxes_file(tmp_path, entries)
    with pytest.raises(TaskError, match=rf'Detections are of the images that are scored.*val2017\.json\. Received: none .* in {path}'):
      opened(fill(tmp_path), detections=str(path))


@pytest.mark.parametrize(
  ('entries', 'message'),
  [
    ({}, r'Detections are a list.* Received: dict in'),
    ([5], r'Entry 0 of the detections is an object\. Received: int in'),
    ([box(100) | {'score': 'high'}], r"Each of the detections has 'score', a number\. Received: 'high' in entry 0 of"),
    ([box(100, True)], r"Each of the detections has 'score', a number\. Received: True in entry 0 of"),
    ([box(100, bbox=[True] * 4)], r"'bbox' has 4 finite numbers.*\. Received: 4, \[True, .* in entry 0 of"),
    ([box(100, float('nan'))], r"'score' has 1 finite numbers.* in entry 0 of"),
    ([box(100, bbox=[1, 2, 3])], r"'bbox' has 4 finite numbers, x, y, width, height\. Received: 3, .* in entry 0 of"),
    ([{'image_id': 100}], r"Each of the detections has 'category_id', a whole number\. Received: none in entry 0 of"),
  ],
)
def test_detections_that_are_none_are_named(tmp_path, entries, message):
  path = boxes_file(tmp_path, entries)
  with pytest.raises(TaskError, match=f'{message} {path}'):
    detections(path, 1)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    (lambda data: data.pop('images'), r"has the lists 'images', 'annotations' and 'categories'\. Received: {file}"),
    (lambda data: data['images'][1].pop('file_name'), r"Each of the images has 'file_name', a text\. Received: none in entry 1 of {file}"),
    (lambda data: data['images'][1].update(width='wide'), r"'width', a whole number\. Received: 'wide' in entry 1 of {file}"),
    (lambda data: data['images'][1].update(width=60.5), r"'width', a whole number\. Received: 60\.5 in entry 1 of {file}"),
    (lambda data: data['images'][1].update(id=2**70), r"'id', a whole number\. Received: 1180591620717411303424 in entry 1 of {file}"),
    (lambda data: data['images'][1].update(id=0), r"No two of the images have the same 'id'\. Received: 0 twice in {file}"),
    (lambda data: data['annotations'][3].update(id=0), r"No two of the annotations have the same 'id'\. Received: 0 twice in {file}"),
    (
      lambda data: data['annotations'][3].pop('area'),
      r"Each of the annotations has 'area', a number\. Received: none in annotation 3 of {file}",
    ),
    (lambda data: data['annotations'][3].update(area=0), r"A person's 'area' is positive\. Received: 0\.0 of annotation 3 in {file}"),
    (lambda data: data['annotations'][3].update(image_id=9), r"'id' of an image\. Received: 9 of annotation 3 in {file}"),
    (lambda data: data['annotations'].append('person'), r'Entry 12 of the annotations is an object\. Received: str in {file}'),
    (
      lambda data: data['annotations'][3]['keypoints'].pop(),
      r"'keypoints' has 9 finite numbers.* Received: 8, .* in annotation 3 of {file}",
    ),
    (lambda data: data['annotations'][3].update(keypoints=[1, 2] * 9), r'Received: 18, .* in annotation 3 of {file}'),
    (lambda data: data['annotations'][3]['keypoints'].__setitem__(0, None), r'Received: 9, \[None, .* in annotation 3 of {file}'),
    (lambda data: data['annotations'][3]['keypoints'].__setitem__(0, 10**400), r'Received: 9, \[1000.* in annotation 3 of {file}'),
    (lambda data: data['annotations'][3]['keypoints'].__setitem__(2, 3), r'1 hidden.* v = 3 of joint 1 in annotation 3 of {file}'),
    (lambda data: data['annotations'][3].update(bbox=[1, 2, 3]), r"'bbox' has 4 finite numbers.* in annotation 3 of {file}"),
    (lambda data: data['annotations'][3].update(bbox=[1, 2, 3, float('nan')]), r"'bbox' has 4 finite numbers.* in annotation 3 of {file}"),
    (lambda data: data['annotations'][3].update(bbox=['1', '2', '3', '4']), r"'bbox' has 4 finite numbers.* in annotation 3 of {file}"),
    (lambda data: data['annotations'][3].update(iscrowd='no'), r"'iscrowd' is 0 or 1\. Received: 'no' of annotation 3 in {file}"),
    (
      lambda data: data.update(categories=[]),
      r"One of the 'categories' has an 'id', a whole number, and 'keypoints'.* Received: none in {file}",
    ),
    (lambda data: data['categories'][0].update(keypoints=[]), r"the names of its joints.* none in {file} \(1 'person'\)"),
  ],
)
def test_annotations_that_are_not_in_cocos_format_are_named_with_the_rule(tmp_path, change, message):
  data = content()
  write(tmp_path, 'train2017', data)
  change(data)
  file = tmp_path / 'annotations' / 'person_keypoints_train2017.json'
  file.write_text(json.dumps(data))
  with pytest.raises(TaskError, match=message.format(file=file)):
    annotations(file, tmp_path / 'train2017')


@pytest.mark.parametrize('text', ['{"images": [', '', '\x00', '\ud800'])
def test_broken_json_is_named(tmp_path, text):
  fill(tmp_path)
  file = tmp_path / 'annotations' / 'person_keypoints_val2017.json'
  file.write_bytes(text.encode('utf-8', 'surrogatepass'))
  with pytest.raises(TaskError, match=rf'The file is JSON that can be read\. Received: {file} \('):
    opened(tmp_path)


def test_an_annotation_without_its_image_is_named(tmp_path):
  fill(tmp_path)
  (tmp_path / 'train2017' / '000000000007.png').unlink()
  with pytest.raises(
    TaskError,
    match=rf'Every annotated image is a file that exists\. Received: {tmp_path}/train2017/000000000007\.png, .*train2017\.json \(1 such',
  ):
    opened(tmp_path)


def test_an_image_that_shows_nobody_need_not_be_there(tmp_path):
  data = content()
  data['images'].append({'id': 50, 'file_name': 'gone.png', 'width': 10, 'height': 10})
  write(tmp_path, 'train2017', data)
  (tmp_path / 'train2017' / 'gone.png').unlink()
  assert len(opened(tmp_path)['train']) == 8


def test_a_folder_without_annotations_or_with_two_of_a_kind_is_named(tmp_path):
  with pytest.raises(TaskError, match=rf'reads a folder that exists\. Received: {tmp_path}/gone'):
    opened(tmp_path / 'gone')
  with pytest.raises(TaskError, match=rf'Annotations are a file .* Received: {tmp_path}, which has none'):
    opened(tmp_path)
  write(fill(tmp_path), 'train2014', content())
  with pytest.raises(TaskError, match=r'There is one annotation file person_keypoints_train.*train2014\.json, .*train2017\.json'):
    opened(tmp_path)


def test_files_with_different_joints_are_refused(tmp_path):
  fill(tmp_path, val=0)
  write(tmp_path, 'val2017', content(4, 100, names=['left_hip', 'right_hip', 'nose']))
  with pytest.raises(
    TaskError, match=r'All annotation files have the same joints\. Received: .*val2017\.json that differ from .*train2017\.json'
  ):
    opened(tmp_path)


def test_a_split_in_which_nobody_has_a_labelled_joint_is_named(tmp_path):
  data = content(3, 100)
  for person in data['annotations']:
    person['keypoints'] = [0] * 9
  write(fill(tmp_path, val=0), 'val2017', data)
  with pytest.raises(
    TaskError, match=r'one person with a labelled joint\. Received: an empty test split of .*val2017\.json, .*6 people without'
  ):
    opened(tmp_path)


def first_of(tmp_path, change):
  data = content()
  change(data)
  return parsed(tmp_path, data)


def without(person, *keys, **changes):
  for key in keys:
    person.pop(key)
  person.update(changes)


@pytest.mark.parametrize(
  'change',
  [
    lambda data: without(data['annotations'][0], 'keypoints', 'area', iscrowd=1),
    lambda data: without(data['annotations'][0], 'keypoints', 'num_keypoints'),
    lambda data: without(data['annotations'][0], keypoints=[], num_keypoints=0, area=None),
    lambda data: without(data['annotations'][0], 'area', keypoints=[0] * 9),
    lambda data: without(data['annotations'][0], 'keypoints', 'bbox', iscrowd=1),
    lambda data: without(data['annotations'][0], 'bbox', keypoints=[0] * 9),
    lambda data: without(data['annotations'][0], keypoints=[], num_keypoints=0, bbox=[]),
    lambda data: without(data['annotations'][0], keypoints=[1e300, -5, 0] * 3),
  ],
)
def test_an_annotation_without_joints_labels_nobody(tmp_path, change):
  found = first_of(tmp_path, change)
  assert found.labelled.tolist() == [False] + [True] * 11 and not found.keypoints[0].any()


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    (lambda data: without(data['annotations'][0], keypoints=[], num_keypoints=3), r"'keypoints' has 9 finite .* Received: 0, \[\]"),
    (
      lambda data: without(data['annotations'][0], 'keypoints', num_keypoints=3),
      r"has 'keypoints', a list\. Received: none in annotation 0",
    ),
    (lambda data: data['annotations'][0].update(keypoints='1 2 2'), r"'keypoints', a list\. Received: '1 2 2' in annotation 0"),
    (lambda data: data['annotations'][0]['keypoints'].__setitem__(2, 0.98), r'v = 0\.98 of joint 1 in annotation 0'),
  ],
)
def test_joints_that_are_said_and_not_there_are_named(tmp_path, change, message):
  with pytest.raises(TaskError, match=message):
    first_of(tmp_path, change)


def test_sizes_may_be_left_out(tmp_path):
  data = content(12)
  write(tmp_path, 'train2017', data)
  del data['images'][0]['width'], data['images'][0]['height']
  data['images'][1].update(width=None, height=0)
  (tmp_path / 'annotations' / 'person_keypoints_train2017.json').write_text(json.dumps(data))
  assert (opened(tmp_path)['train'].annotations.shapes == (40, 60)).all()
