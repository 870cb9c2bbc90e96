"""The pictures that an annotation file names: where they are, whether they can be read, how large they are and which side is up."""

from collections.abc import Sequence
import dataclasses
import os
import pathlib
import unicodedata

import numpy as np

from st_tf.task import TaskError
from st_tf.task.pictures import Header, header_of, shown
from tasks import _picture_folders, _upright
from tasks._people import Annotations

UNKNOWN = 0  # A side that the file does not say.
_LONGEST = 500  # Of paths in messages.


def looked_at(annotations: Annotations, needed: np.ndarray) -> Annotations:
  """With the files of the pictures that are needed, each read once, their sizes, and all coordinates in upright pictures.

  Where the source gives a turned picture the size of its pixels as they are stored, its boxes and joints are of that too, and are
  turned with it. Where both sizes are the same, or none is given, they are taken as the source's other turned pictures are, or else
  to be of the picture as it is seen.

  Args:
    annotations: of upright or stored pictures; a side that the source does not say is `UNKNOWN`.
    needed: indices of the pictures whose files must be there.

  Raises:
    TaskError: a file is missing or bad, is named twice, or has another size than the source says.
  """
  paths = _files(annotations, needed)
  _picture_folders.decode(paths)
  headers = dict(zip(needed.tolist(), _picture_folders.each(lambda path: header_of(path, str(path)), paths)))
  pictures, shapes = list(annotations.pictures), annotations.shapes.copy()
  for index, path in zip(needed.tolist(), paths):
    pictures[index] = path
  orientations, notes = _turned(annotations, headers, pictures)
  for index, header in headers.items():
    shapes[index] = header.upright
  changes = {'pictures': pictures, 'shapes': shapes, 'notes': (*annotations.notes, *notes)}
  return upright(dataclasses.replace(annotations, **changes), orientations)


def upright(annotations: Annotations, orientations: np.ndarray) -> Annotations:
  """With coordinates that were of stored pictures in upright ones.

  Args:
    annotations: whose `shapes` are of upright pictures.
    orientations: [pictures] as in EXIF; 1 where coordinates stay.

  Raises:
    TaskError: a picture is mirrored, and nothing says which joints change places.
  """
  own, shapes = orientations[annotations.picture], annotations.shapes[annotations.picture]
  mirrored = np.isin(own, _upright.MIRRORED) & annotations.labelled
  if mirrored.any() and annotations.joints.pairs is None:
    raise TaskError(
      'Where EXIF mirrors a picture, it is known which joints change places. Received:'
      f' {annotations.pictures[annotations.picture[mirrored.argmax()]]}, and joints without pairs of left and right in'
      f' {annotations.source}. Save the pictures upright and annotate them so.'
    )
  keypoints = annotations.keypoints.copy()
  keypoints[..., :2] = _upright.points(keypoints[..., :2], own, shapes)
  keypoints[mirrored] = keypoints[mirrored][:, annotations.joints.mirrored]
  boxes = _upright.boxes(annotations.boxes, own, shapes)
  return dataclasses.replace(annotations, keypoints=keypoints, boxes=boxes, turned=orientations)


def _files(annotations: Annotations, needed: np.ndarray) -> list[pathlib.Path]:
  """The files of the pictures that are needed, whatever form of Unicode their names have on this disk."""
  named = [annotations.pictures[index] for index in needed]
  folders: dict[pathlib.Path, dict[str, pathlib.Path]] = {}
  found = [_found(path, folders) for path in named]
  missing = [path for path, file in zip(named, found) if file is None]
  if missing:
    named = missing[0].name.casefold()
    near = next((name for name in folders.get(missing[0].parent, ()) if name.casefold() == named), '')
    hint = f' Did you mean {shown(near)}?' if near else ''
    raise TaskError(
      f'Every annotated image is a file that exists. Received: {shown(missing[0])[:_LONGEST]}, named by {annotations.source}'
      f' ({len(missing)} such images). Add it or remove its annotations.{hint}'
    )
  first: dict[pathlib.Path, int] = {}
  for index, file in zip(needed.tolist(), found):
    if first.setdefault(file, index) != index:
      ids = annotations.picture_ids[[first[file], index]].tolist()
      raise TaskError(
        f"No two of the images have the same 'file_name'. Received: {file} of {ids[0]} and {ids[1]} in {annotations.source}. Give all"
        ' annotations of a picture one image.'
      )
  return found


def _found(path: pathlib.Path, folders: dict[pathlib.Path, dict[str, pathlib.Path]]) -> pathlib.Path | None:
  """The file of that name, or else one whose name is written in another form of Unicode.

  One look into each folder, which `folders` keeps: asking for every file takes minutes on a network's disk.
  """
  folder = path.parent
  if folder not in folders:
    place = folder if os.path.isdir(folder) or folder == folder.parent else _found(folder, folders)
    names = [entry.name for entry in _picture_folders.everything(place)] if place is not None and os.path.isdir(place) else []
    folders[folder] = {unicodedata.normalize('NFC', name): place / name for name in names} | {name: place / name for name in names}
  there = folders[folder]
  return there.get(path.name) or there.get(unicodedata.normalize('NFC', path.name))


def _turned(annotations: Annotations, headers: dict[int, Header], pictures: Sequence) -> tuple[np.ndarray, list[str]]:
  """([pictures] orientations by which coordinates are to be turned, notes)."""
  stored, seen, open_ = [], [], []
  for index, header in headers.items():
    said = tuple(annotations.shapes[index].tolist())
    fits = [all(own in (UNKNOWN, side) for own, side in zip(said, size)) for size in (header.stored, header.upright)]
    if not any(fits):
      height, width = header.upright
      raise TaskError(
        f'An image has the size that its annotations name. Received: {width}x{height} of {pictures[index]}, {said[1]}x{said[0]} in'
        f" {annotations.source}. Annotate the image as it is, and correct 'width' and 'height' or leave them out."
      )
    if header.orientation > 1:
      (open_ if all(fits) else stored if fits[0] else seen).append(index)
  if stored and seen and open_:
    raise TaskError(
      f'Sizes of turned images say whether coordinates are of images as they are stored or as they are seen. Received: both in'
      f' {annotations.source}, and {pictures[open_[0]]}, of which they say neither. Save all pictures upright.'
    )
  orientations = np.ones(len(annotations.pictures), np.int64)
  by_file = stored + (open_ if stored else [])
  orientations[by_file] = [headers[index].orientation for index in by_file]
  notes, upright_ones = [], len(seen) + (0 if stored else len(open_))
  if by_file:
    notes.append(f'{annotations.source}: {len(by_file):,} images are turned by EXIF, their joints and boxes with them, as sizes say')
  if upright_ones:
    notes.append(f'{annotations.source}: {upright_ones:,} images are turned by EXIF; joints and boxes are of the images as they are seen')
  return orientations, notes
