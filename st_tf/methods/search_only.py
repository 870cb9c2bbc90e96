"""The searched network with all its weights: the first stage of pipelines that search, then prune."""

from st_tf.config import SEARCH_SETTINGS
from st_tf.methods._pipeline import search_alone
from st_tf.training.plan import searching_alone

READS = (*SEARCH_SETTINGS, 'rewind_to')
plan = searching_alone
draw = search_alone
