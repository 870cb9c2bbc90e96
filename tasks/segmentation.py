"""Any pictures with masks in ADE20K's layout: `--task=segmentation:PATH`.

PATH/images/{training,validation[,test]}/NAME.jpg go with PATH/annotations/{training,validation[,test]}/NAME.png, in which 0 is
void (pixels that count for nothing) and 1, 2, ... are classes, unless --void or the numbers themselves say otherwise. Names come from
--class_names, from PATH/objectInfo150.txt (as ADE20K has it) or from PATH/classes.txt (one per line); without, the classes are
counted and called 'class 1', ....
"""

import pathlib

from st_tf.files import expanded
from st_tf.task import DataConfig, Task
from tasks import _mask_folder

TAKES_FOLDER = True


def load(argument: str, config: DataConfig) -> Task:
  """The pictures and masks in the folder `argument`; a relative path counts from `config.data_dir` if that is given.

  Raises:
    TaskError: no such folder, or its data is bad.
  """
  return _mask_folder.load(expanded(pathlib.Path(config.data_dir, argument)), f'segmentation:{argument}', config)
