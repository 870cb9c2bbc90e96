"""ImageNet (Russakovsky et al., IJCV 2015): `--task=imagenet`, 1.28 million photographs of 1,000 classes.

They are read from what `--data_dir` names: a folder of tensorflow-datasets, in which `imagenet2012` has been prepared, or a folder with
train/ and val/, each with a folder of JPEGs per class. Either way nothing but the pictures of the batches that are due is in memory, and
a picture looks as in HR-NAS (CVPR 2021): 224 pixels, in training a random part of 8 to 100% of it, flipped or not, in evaluation the
middle 0.875, and ImageNet's statistics. (The reference resizes bicubically; here, as everywhere, it is bilinear.)

The headers of the official validation's pictures are looked at when a run begins, and those of train where there are no more of them;
those of 1.28 million would take minutes. A picture that turns out to be bad in training is named, and the run is kept.

`--task=folder:PATH` takes any other pictures. It decodes all files at the start, draws a tenth of them for validation, and its random
parts are at least 35%, which suits smaller sets.

The official validation split, the only one with public truth, is the test. 10,000 pictures of train, drawn evenly over the classes by
`--data_seed`, are the validation split: a tenth would be 128,000 to score after every epoch.

Tried on small sets of the same form. On ImageNet itself it was not run by us.
"""

import pathlib

import numpy as np

from st_tf.files import expanded
from st_tf.task import DataConfig, Task, TaskError
from st_tf.task.pictures import header_of
from tasks import _class_folders, _picture_folders, _records, _tfds
from tasks._classification import ClassificationTask
from tasks._images import EncodedImages
from tasks._sizes import side
from tasks._splits import Examples, check_labels, stratified
from tasks._statistics import PHOTOGRAPHS

READS_DATA_DIR = True
VALIDATION = 10_000
SMALLEST_AREA = 0.08  # As is usual since Szegedy et al., CVPR 2015, section 6.
_SIDE = 224
_KEEP = 0.875
_LOOKED_AT = 50_000
_NAME = 'imagenet2012'
_STREAM = 1  # Of the validation's draw, as for other tasks.


def load(argument: str, config: DataConfig) -> Task:
  """The pictures in `config.data_dir`, or where tensorflow-datasets has its sets; `argument` is empty.

  Raises:
    TaskError: no data is there, a split is missing, or the data is bad.
  """
  del argument
  size = side(config, _SIDE)
  root = expanded(config.data_dir)
  if config.data_dir and (root / 'train').is_dir():
    labels, splits, notes = _from_folders(root, size)
  else:
    (labels, splits), notes = _from_records(config, size), ()
  if set(splits) != {'train', 'validation'}:
    raise TaskError(f'ImageNet has the splits train and validation. Received: {", ".join(splits)} in {root}. Put the other one there.')
  train = splits['train']
  train_labels = check_labels(train.labels, len(labels), f'the train split of {root}')
  drawn = stratified(train_labels, min(VALIDATION, max(1, len(train_labels) // 10)), (config.data_seed, _STREAM))
  parts = {
    'train': train.take(np.setdiff1d(np.arange(len(train_labels)), drawn)),
    'validation': train.take(drawn),
    'test': splits['validation'],
  }
  task = ClassificationTask(
    'imagenet', labels, parts, config, size=size, default_supernet='hrnas', statistics=PHOTOGRAPHS, keep=_KEEP, notes=notes
  )
  task.origins = {'validation': f'{len(drawn):,} pictures of train, drawn by data_seed', 'test': 'the official validation split'}
  return task


def _from_folders(root: pathlib.Path, size: int) -> tuple[list[str], dict[str, Examples], tuple[str, ...]]:
  found = _class_folders.read(root, 'imagenet', ignored=('test',))  # Its labels are secret.
  for pairs in found.files.values():
    if len(pairs) <= _LOOKED_AT:
      _picture_folders.each(lambda path: header_of(path, str(path)), [path for path, _ in pairs])
  splits = {}
  for split, pairs in found.files.items():
    paths = [path for path, _ in pairs]
    # The files' own paths name them: a million texts would take as much memory once more.
    images = EncodedImages(paths, paths, size, _KEEP, SMALLEST_AREA)
    splits[split] = Examples(images, np.asarray([label for _, label in pairs]))
  return found.labels, splits, found.notes


def _from_records(config: DataConfig, size: int) -> tuple[list[str], dict[str, Examples]]:
  with _tfds.quiet():
    builder = _tfds.builder_of(_NAME, config)
    if not builder.is_prepared():
      raise TaskError(
        f'--task=imagenet reads what is on the disk. Received: nothing at {builder.data_dir}. Its licence asks everybody to fetch it from'
        ' https://image-net.org: put ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar into FOLDER/downloads/manual, run'
        f' python -c "import tensorflow_datasets as tfds; tfds.builder({_NAME!r}, data_dir=\'FOLDER\').download_and_prepare()" and give'
        ' --data_dir=FOLDER; or unpack them into FOLDER/train/CLASS/ and FOLDER/val/CLASS/.'
      )
    splits = {}
    for split in ('train', 'validation'):
      if split in builder.info.splits:
        records = _records.open_split(builder, split, 'image', 'label')
        splits[split] = Examples(_records.RecordImages(records, size, _KEEP, SMALLEST_AREA), records.labels)
    return list(builder.info.features['label'].names), splits
