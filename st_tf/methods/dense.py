"""The supernet trained as it is: neither searched nor pruned."""

from st_tf.pipeline import train_alone
from st_tf.plan import training_alone

READS = ('rewind_to',)
plan = training_alone
draw = train_alone
