"""COCO's human keypoints: `--task=coco --data_dir=FOLDER`, the folder as it comes.

FOLDER/annotations/person_keypoints_{train,val}2017.json with the images in FOLDER/train2017 and FOLDER/val2017. The val split, whose
truth is public, is the test, and a tenth of the train pictures the validation.
"""

from st_tf.files import expanded
from st_tf.task import DataConfig, Task, TaskError
from tasks._coco import origins, read_folder
from tasks._joints import COCO_SIGMAS
from tasks._keypoints import KeypointTask
from tasks._sizes import shape

READS_DATA_DIR = True
_SHAPE = (256, 192)  # As in the paper's recipe.


def load(argument: str, config: DataConfig) -> Task:
  """The people in `config.data_dir`, in crops of 256x192 unless `--image_size` (and `--image_width`) say otherwise; `argument` is empty.

  Raises:
    TaskError: no folder was given, its data is bad, or the joints are not COCO's 17.
  """
  del argument
  if not config.data_dir:
    raise TaskError(
      '--task=coco reads a folder with annotations/, train2017/ and val2017/. Received: no --data_dir. Write --data_dir=FOLDER.'
    )
  root = expanded(config.data_dir)
  splits = read_folder(root, 'coco', config)
  names = splits['train'].annotations.joints.names
  if set(names) != set(COCO_SIGMAS):
    raise TaskError(f"COCO's people have 17 joints, nose to ankles. Received: {', '.join(names)} in {root}. Use --task=keypoints:{root}.")
  return KeypointTask('coco', splits, config, shape=shape(config, _SHAPE), origins=origins(splits))
