"""Any people with joints in COCO's layout: `--task=keypoints:PATH`.

PATH/annotations/person_keypoints_{train,val}NAME.json with the images in PATH/trainNAME and PATH/valNAME; joints are what the files
name. The val split is the test, and a tenth of the train pictures the validation.
"""

from collections.abc import Mapping
import pathlib

import numpy as np

from st_tf.files import expanded
from st_tf.task import DataConfig, Task
from tasks._coco import origins, read_folder
from tasks._keypoints import KeypointTask
from tasks._people import People
from tasks._sizes import shape

TAKES_FOLDER = True
_SHAPE = (256, 192)  # COCO's.
_LARGEST = 256


def load(argument: str, config: DataConfig) -> Task:
  """The people in the folder `argument`; a relative path counts from `config.data_dir` if that is given.

  Crops have 256x192 pixels. Where all pictures are squares of one size, which are crops already, they have that size, up to
  256x256. `--image_size` (and `--image_width`) set another.

  Raises:
    TaskError: no such folder, or its data is bad.
  """
  splits = read_folder(expanded(pathlib.Path(config.data_dir, argument)), f'keypoints:{argument}', config)
  return KeypointTask(f'keypoints:{argument}', splits, config, shape=shape(config, _default_shape(splits)), origins=origins(splits))


def _default_shape(splits: Mapping[str, People]) -> tuple[int, int]:
  sides = np.unique(np.concatenate([people.annotations.shapes[people.picture] for people in splits.values()]))
  return (min(int(sides[0]), _LARGEST),) * 2 if len(sides) == 1 else _SHAPE
