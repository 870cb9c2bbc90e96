"""What a problem is, and how one is found by its name."""

from st_tf.task.loading import MODULE, check, known, load
from st_tf.task.normalisation import Normalisation
from st_tf.task.sample import Sample, most_likely
from st_tf.task.task import EVERYTHING, KINDS, SPLITS, DataConfig, Metrics, Task, TaskError, refuse, size_settings
