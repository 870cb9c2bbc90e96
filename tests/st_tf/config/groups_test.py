import pathlib

from st_tf import methods
from st_tf.config import METHODS
from st_tf.config.groups import PRUNING_SCHEDULES, PruningConfig


def test_methods_are_the_files_of_their_folder_the_default_first():
  files = pathlib.Path(methods.__file__).parent.glob('[a-z]*.py')
  assert METHODS[0] == 'supertickets' and sorted(METHODS) == sorted(path.stem for path in files)


def test_the_default_schedule_is_one_of_those_there_are():
  assert PruningConfig().pruning_schedule in PRUNING_SCHEDULES
