"""The searched network with all its weights: the first stage of pipelines that search, then prune."""

from st_tf.config import SEARCH_SETTINGS
from st_tf.methods._method import Method, one_searching_training
from st_tf.methods._pipeline import search_alone
from st_tf.training.plan import searching_alone

METHOD = Method(
  plan=searching_alone,
  draw=search_alone,
  reads=(*SEARCH_SETTINGS, 'rewind_to'),
  trainings=one_searching_training,
  keeps_everything=True,
)
