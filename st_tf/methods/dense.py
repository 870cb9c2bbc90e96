"""The supernet trained as it is: neither searched nor pruned."""

from st_tf.methods._pipeline import train_alone
from st_tf.training.plan import training_alone

READS = ('rewind_to',)
plan = training_alone
draw = train_alone
