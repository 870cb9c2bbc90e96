"""ADE20K's scene parsing benchmark: `--task=ade20k --data_dir=FOLDER`, the folder as it comes, ADEChallengeData2016.

150 classes; the validation split, whose truth is public, is the test, and a tenth of training the validation.
"""

from st_tf.files import expanded
from st_tf.task import DataConfig, Task, TaskError
from tasks import _mask_folder

READS_DATA_DIR = True
CLASSES = 150


def load(argument: str, config: DataConfig) -> Task:
  """The pictures in `config.data_dir`; `argument` is empty.

  Raises:
    TaskError: no folder was given, or its data is bad.
  """
  del argument
  if not config.data_dir:
    raise TaskError('--task=ade20k reads a folder, ADEChallengeData2016. Received: no --data_dir. Write --data_dir=FOLDER.')
  return _mask_folder.load(expanded(config.data_dir), 'ade20k', config, CLASSES)
