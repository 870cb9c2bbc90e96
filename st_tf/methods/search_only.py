"""The searched network with all its weights: the first stage of pipelines that search, then prune."""

from st_tf.pipeline import search_alone
from st_tf.plan import searching_alone

plan = searching_alone
draw = search_alone
