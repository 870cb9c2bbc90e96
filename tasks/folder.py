"""Any folder of pictures: `--task=folder:PATH` with PATH/split/label/image or PATH/label/image.

A file belongs to the class its folder is named after. Splits are called train, validation and test, or as others call them (val, valid,
dev, Training, Testing); what is missing is drawn, as for every task: without a test folder the validation folder is the test. What systems
leave in folders (__MACOSX, @eaDir, Thumbs.db, hidden ones) counts for nothing, and what else is passed over is counted.
"""

import pathlib

import numpy as np

from st_tf.files import expanded
from st_tf.task import DataConfig, Task
from tasks import _class_folders, _picture_folders, _twins
from tasks._classification import ClassificationTask
from tasks._images import EncodedImages
from tasks._sizes import side
from tasks._splits import Examples
from tasks._statistics import PHOTOGRAPHS

TAKES_FOLDER = True
_DEFAULT_SIDE = 96


def load(argument: str, config: DataConfig) -> Task:
  """The pictures in the folder `argument`; a relative path counts from `config.data_dir` if that is given.

  Every file is decoded once, so that a bad one is found before training and not after hours of it.

  Raises:
    TaskError: no such folder, an unreadable image, one class only, an empty split or class, or a label unknown to train.
  """
  root, name = expanded(pathlib.Path(config.data_dir, argument)), f'folder:{argument}'
  found = _class_folders.read(root, name)
  size, splits, sizes = side(config, _DEFAULT_SIDE), {}, {}
  looked = iter(_picture_folders.decode([path for pairs in found.files.values() for path, _ in pairs]))
  for split, pairs in found.files.items():
    paths = [path for path, _ in pairs]
    sizes[split] = [next(looked) for _ in pairs]
    splits[split] = Examples(EncodedImages(paths, [str(path) for path in paths], size), np.asarray([label for _, label in pairs]))
  notes = (*found.notes, *_twins.notes(name, found.files))
  task = ClassificationTask(name, found.labels, splits, config, size=size, default_supernet='mobile', statistics=PHOTOGRAPHS, notes=notes)
  task.picture_sizes = tuple(sizes['train'])
  return task
