"""Files in COCO's format: keypoint annotations, detection results, and the folders they come in."""

from collections.abc import Mapping, Sequence
import dataclasses
import pathlib
from typing import Any

import numpy as np

from st_tf import plain
from st_tf.files import expanded
from st_tf.task import SPLITS, DataConfig, TaskError
from tasks import _categories, _coco_files, _coco_pictures, _joints, _pixels, _splits
from tasks._people import Annotations, Detections, People, detected_people, true_people

# Draws for different purposes must not hang together: each has its own stream of the same seed.
_STREAMS = {'validation': 1, 'test': 2}
_IMAGE = {'id': int, 'file_name': str}
_SIDES = {'width': int, 'height': int}
_PERSON = {'id': int, 'image_id': int, 'category_id': int, 'keypoints': list, 'bbox': list, 'area': (int, float)}
_DETECTION = {'image_id': int, 'category_id': int, 'bbox': list, 'score': (int, float)}
_LARGEST = 2**53  # Of the whole numbers that every JSON reader knows.
_KINDS = {int: 'a whole number', str: 'a text', list: 'a list', (int, float): 'a number'}


def read_folder(root: pathlib.Path, name: str, config: DataConfig) -> dict[str, People]:
  """{split: people} of a folder with annotations/person_keypoints_{train,val,test}*.json and a folder of images for each.

  The images of person_keypoints_train2017.json are in train2017, and so on. Without a test file the val file is the test, as
  everywhere here; the validation is then a tenth of the train file's pictures with labelled people, drawn by `config.data_seed`, so
  that no picture is in two splits. With neither the test is drawn likewise.

  `config.detections` has boxes for the test's pictures, and may have some for the validation's; otherwise, as always in
  training, boxes are the true ones.

  Of a category, `config.category` or the only one with joints, the people are learned.

  Labelled joints whose coordinates are whole numbers in all files, as in COCO's own, name pixels: half a pixel is added, to their
  centres.

  Args:
    root: the folder.
    name: of the task.
    config: how the data is prepared.

  Raises:
    TaskError: a file is missing or bad.
  """
  if not root.is_dir():
    raise TaskError(f'--task={name} reads a folder that exists. Received: {root}, which is {root.absolute()}. Correct the path.')
  files, notes = _coco_files.files(root)
  parts: dict[str, Annotations] = {}
  for split, file in files.items():
    like = parts['train'].category_name if parts else ''
    parts[split] = annotations(file, _coco_files.pictures(file), config.category, like)
    if parts[split].joints != parts['train'].joints:
      raise TaskError(
        f"All annotation files have the same joints. Received: 'categories' of {parts[split].source} that differ from those of"
        f' {parts["train"].source}. Correct one of them.'
      )
  parts['train'] = dataclasses.replace(parts['train'], notes=(*parts['train'].notes, *notes))
  found = detections(expanded(config.detections), parts.get('test', parts['train']).category) if config.detections else None
  parts = _looked_at(_centred(parts), found)
  train, pictures = parts['train'], {}
  with_people = np.unique(train.picture[train.labelled])
  tenth, rest = max(1, round(len(with_people) / 10)), with_people
  for split in (split for split in ('test', 'validation') if split not in parts):
    taken = np.random.default_rng((config.data_seed, _STREAMS[split])).permutation(len(rest))[:tenth]
    pictures[split], rest = rest[np.sort(taken)], np.delete(rest, taken)
  whole = {split: (each, np.arange(len(each.pictures))) for split, each in parts.items()}
  whole |= {split: (train, pictures[split]) for split in pictures} | {'train': (train, rest)}
  splits = {split: true_people(*whole[split], split) for split in SPLITS}
  return splits | (_detected(splits, found) if found else {})


def origins(splits: Mapping[str, People]) -> dict[str, str]:
  """Where the splits of `read_folder` come from, as of `_splits.origins`."""
  sources = {splits[split].annotations.source for split in SPLITS}
  return _splits.origins({_coco_files.split_named(source) for source in sources})


def annotations(path: pathlib.Path, images: pathlib.Path, wanted: str = '', like: str = '') -> Annotations:
  """The pictures and people of an annotation file; coordinates are as it has them, and the pictures are not looked at.

  Args:
    path: the file.
    images: the folder of its pictures.
    wanted: the category, as of `_categories.chosen`.
    like: likewise.

  Raises:
    TaskError: the file cannot be read, is not in COCO's format, or is not in pixels.
  """
  source = str(path)
  data = _json(path)
  if not isinstance(data, dict) or not all(isinstance(data.get(key), list) for key in ('images', 'annotations', 'categories')):
    raise TaskError(
      f"An annotation file has the lists 'images', 'annotations' and 'categories'. Received: {source} without one. Correct it."
    )
  category, notes = _categories.chosen(data, wanted, source, like)
  joints = _joints.joints(category, source)
  _check(data['images'], _IMAGE, 'images', source)
  _check([{**dict.fromkeys(_SIDES, 1), **_said(entry)} for entry in data['images']], _SIDES, 'images', source)
  _check(data['annotations'], {key: _PERSON[key] for key in ('id', 'image_id', 'category_id')}, 'annotations', source)
  people = [_person(entry, len(joints.names)) for entry in data['annotations'] if entry['category_id'] == category['id']]
  _check(people, _PERSON, 'annotations', source)
  indices = _unique([entry['id'] for entry in data['images']], 'images', source)
  _unique([entry['id'] for entry in people], 'annotations', source)
  _check_people(people, indices, source)
  annotated = Annotations(
    source=source,
    joints=joints,
    category=category['id'],
    pictures=[images / entry['file_name'] for entry in data['images']],
    picture_ids=np.asarray(list(indices), np.int64),
    shapes=np.asarray([_shape(entry) for entry in data['images']], np.int64).reshape(-1, 2),
    person_ids=np.asarray([entry['id'] for entry in people], np.int64),
    picture=np.asarray([indices[entry['image_id']] for entry in people], np.int64),
    boxes=_numbers(people, 'bbox', 4, 'x, y, width, height', source),
    areas=_numbers([{'id': entry['id'], 'area': [entry['area']]} for entry in people], 'area', 1, 'the area', source)[:, 0],
    keypoints=_keypoints(people, len(joints.names), source),
    crowd=np.asarray([entry.get('iscrowd') == 1 for entry in people], bool),
    category_name=_categories.name(category),
    notes=notes,
  )
  flat = np.flatnonzero(annotated.labelled & (annotated.areas <= 0))
  if len(flat):
    raise TaskError(
      f"A person's 'area' is positive. Received: {annotated.areas[flat[0]]} of annotation {annotated.person_ids[flat[0]]} in"
      f' {annotated.source}. Correct it.'
    )
  _pixels.check_units(annotated)
  _pixels.check_boxes(annotated)
  return annotated


def detections(path: pathlib.Path, category: int) -> Detections:
  """The boxes of one category in a file in COCO's results format.

  Raises:
    TaskError: the file cannot be read or is not in this format.
  """
  data, source = _json(path), str(path)
  if not isinstance(data, list):
    raise TaskError(f'Detections are a list, as in COCO results. Received: {type(data).__name__} in {source}. Correct --detections.')
  _check(data, _DETECTION, 'detections', source)
  data = [entry for entry in data if entry['category_id'] == category]
  boxes = _numbers(data, 'bbox', 4, 'x, y, width, height', source)
  scores = _numbers([{'score': [entry['score']]} for entry in data], 'score', 1, 'the score', source)[:, 0]
  return Detections(source, np.asarray([entry['image_id'] for entry in data], np.int64), boxes, scores)


def _looked_at(parts: Mapping[str, Annotations], found: Detections | None) -> dict[str, Annotations]:
  """With what the files of all pictures say that have people to be seen, true or detected."""
  looked: dict[str, Annotations] = {}
  detected = found.picture_ids if found else np.zeros(0, np.int64)
  for part in reversed(list(parts)):  # A number that several files have is that of the test's picture.
    each = parts[part]
    needed = np.union1d(each.picture[each.labelled], np.flatnonzero(np.isin(each.picture_ids, detected)))
    detected = np.setdiff1d(detected, each.picture_ids)
    looked[part] = _coco_pictures.looked_at(each, needed)
    _pixels.check_places(looked[part])
  return looked


def _detected(splits: Mapping[str, People], detected: Detections) -> dict[str, People]:
  """The splits that have detections."""
  known = np.concatenate([people.annotations.picture_ids for people in splits.values()])
  unknown = np.flatnonzero(~np.isin(detected.picture_ids, known))
  if len(unknown):
    raise TaskError(
      f"Every detection's 'image_id' is that of an annotated image. Received: {detected.picture_ids[unknown[0]]} in {detected.source}"
      f' ({len(unknown)} such detections). Use the detections of these images.'
    )
  # Two files may both count their images from 1: a number that the test has is the test's.
  of_test = np.isin(detected.picture_ids, splits['test'].picture_ids)
  people = {split: detected_people(splits[split], detected.take(mine)) for split, mine in (('validation', ~of_test), ('test', of_test))}
  if not len(people['test']):
    raise TaskError(
      f'Detections are of the images that are scored, those of {splits["test"].annotations.source}. Received: none of people in them in'
      f' {detected.source}.'
    )
  return {split: each for split, each in people.items() if len(each)}


def _json(path: pathlib.Path) -> Any:
  try:
    return plain.parse(path.read_bytes(), own=False)
  except (OSError, ValueError) as error:
    raise TaskError(f'The file is JSON that can be read. Received: {path} ({error}). Replace it.') from error


def _check(entries: Sequence[Any], keys: Mapping[str, Any], what: str, source: str) -> None:
  """Refuses entries that lack a key or have something else there."""
  for index, entry in enumerate(entries):
    if not isinstance(entry, dict):
      raise TaskError(f'Entry {index} of the {what} is an object. Received: {type(entry).__name__} in {source}. Correct it.')
    for key, kind in keys.items():
      value = entry.get(key)
      if not isinstance(value, kind) or isinstance(value, bool) or (kind is int and abs(value) > _LARGEST):
        received = f'{entry[key]!r:.60}' if key in entry else 'none'
        place = f'annotation {entry["id"]}' if what == 'annotations' and type(entry.get('id')) is int else f'entry {index}'
        raise TaskError(f'Each of the {what} has {key!r}, {_KINDS[kind]}. Received: {received} in {place} of {source}. Correct or add it.')


def _said(entry: Mapping[str, Any]) -> dict[str, Any]:
  """The sides of an image that its entry says; files say null or 0 where they do not know."""
  return {key: entry[key] for key in _SIDES if entry.get(key) is not None and entry[key] != 0}


def _shape(entry: Mapping[str, Any]) -> tuple[int, int]:
  said = {**dict.fromkeys(_SIDES, _coco_pictures.UNKNOWN), **_said(entry)}
  return said['height'], said['width']


def _person(entry: Mapping[str, Any], count: int) -> Mapping[str, Any]:
  """An annotation, which says all that is asked of it where none of its `count` joints is labelled."""
  keypoints = entry.get('keypoints')
  if not keypoints and (entry.get('iscrowd') == 1 or not entry.get('num_keypoints')):
    keypoints = [0] * 3 * count
  if not isinstance(keypoints, list) or not keypoints or any(keypoints[2::3]):
    return entry
  return {**entry, 'keypoints': keypoints, 'area': entry.get('area') or 0, 'bbox': entry.get('bbox') or [0, 0, 0, 0]}


def _check_people(people: Sequence[Mapping[str, Any]], indices: Mapping[int, int], source: str) -> None:
  """Refuses what is neither a person nor a crowd, and people in no image."""
  for entry in people:
    if entry.get('iscrowd') not in (None, 0, 1):
      raise TaskError(
        f"'iscrowd' is 0 or 1. Received: {entry['iscrowd']!r:.60} of annotation {entry['id']} in {source}. Correct or remove it."
      )
    if entry['image_id'] not in indices:
      raise TaskError(
        f"Every annotation's 'image_id' is the 'id' of an image. Received: {entry['image_id']} of annotation {entry['id']} in {source}."
        ' Correct or remove it.'
      )


def _unique(numbers: Sequence[int], what: str, source: str) -> dict[int, int]:
  """{number: its index}."""
  indices: dict[int, int] = {}
  for index, number in enumerate(numbers):
    if indices.setdefault(number, index) != index:
      raise TaskError(f"No two of the {what} have the same 'id'. Received: {number} twice in {source}. Correct one.")
  return indices


def _numbers(entries: Sequence[Mapping[str, Any]], key: str, count: int, meaning: str, source: str) -> np.ndarray:
  """[entries, count] float64."""
  try:
    values = np.asarray([entry[key] for entry in entries]).reshape(len(entries), -1)
  except ValueError:
    values = np.zeros((0, 0))
  # Text would become numbers by itself.
  if len(entries) and values.dtype.kind in 'if' and values.shape == (len(entries), count) and np.isfinite(values).all():
    return values.astype(np.float64)
  for index, entry in enumerate(entries):
    if len(entry[key]) != count or not all(_is_number(value) for value in entry[key]):
      where = f'annotation {entry["id"]}' if 'id' in entry else f'entry {index}'
      raise TaskError(
        f'{key!r} has {count} finite numbers, {meaning}. Received: {len(entry[key])}, {entry[key]!r:.60}, in {where} of {source}.'
        ' Correct it.'
      )
  return np.zeros((0, count))


def _is_number(value: Any) -> bool:
  return isinstance(value, (int, float)) and not isinstance(value, bool) and -_LARGEST < value < _LARGEST  # False for NaN.


def _keypoints(people: Sequence[Mapping[str, Any]], count: int, source: str) -> np.ndarray:
  """[people, joints, 3] float64."""
  values = _numbers(people, 'keypoints', 3 * count, f'x, y, v of each of the {count} joints that the category names', source)
  keypoints = values.reshape(-1, count, 3)
  bad = np.argwhere(~np.isin(keypoints[..., 2], (0, 1, 2)))
  if len(bad):
    person, joint = bad[0]
    raise TaskError(
      'A joint is x, y and v: 0 not labelled, 1 hidden, 2 visible. Received:'
      f' v = {keypoints[person, joint, 2]:g} of joint {joint + 1} in annotation {people[person]["id"]} of {source} ({len(bad)} such'
      ' joints). Correct it.'
    )
  # What stands there means nothing, and might be of any size.
  return np.where(keypoints[..., 2:] > 0, keypoints, 0)


def _centred(parts: Mapping[str, Annotations]) -> dict[str, Annotations]:
  """The same with joints at the centres of the pixels they name, where all files together say that they name pixels.

  One file alone may happen to have whole numbers only: its joints would lie half a pixel off those of the others.
  """
  labelled = np.concatenate([each.keypoints[each.keypoints[..., 2] > 0] for each in parts.values()])
  if (labelled[:, :2] % 1 != 0).any():
    return dict(parts)
  return {part: dataclasses.replace(each, keypoints=each.keypoints + [0.5, 0.5, 0]) for part, each in parts.items()}
