"""The supernet trained as it is: neither searched nor pruned."""

from st_tf.methods._method import Method, one_training
from st_tf.methods._pipeline import train_alone
from st_tf.training.plan import training_alone

METHOD = Method(plan=training_alone, draw=train_alone, trainings=one_training, reads=('rewind_to',), keeps_everything=True)
