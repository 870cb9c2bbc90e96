"""Pruning inside tfmot, with pruned weights that can come back."""

from st_tf.pruning.mask import Mask
from st_tf.pruning.ranking import rank
from st_tf.pruning.regrowth import Regrowth
from st_tf.pruning.schedules.constant import Constant
from st_tf.pruning.schedules.cubic import Cubic
from st_tf.pruning.schedules.one_shot import OneShot
from st_tf.pruning.schedules.stepwise import Stepwise
from st_tf.pruning.wrapper import RegrowthPruning
from st_tf.pruning.wrapping import wrap
