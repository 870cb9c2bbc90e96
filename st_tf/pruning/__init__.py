"""Pruning inside tfmot, with pruned weights that can come back."""

from st_tf.pruning.fit import Regrowth, wrap
from st_tf.pruning.mask import Mask
from st_tf.pruning.ranking import rank
from st_tf.pruning.schedules import Constant, Cubic, OneShot, Stepwise
from st_tf.pruning.wrapper import RegrowthPruning
