"""Search first, then find a winning ticket in the searched network by iterative magnitude pruning with rewinding: S+LTH."""

from st_tf.methods._lottery import lottery

METHOD = lottery(searches=True)
