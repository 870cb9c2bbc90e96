"""A winning ticket of the supernet by iterative magnitude pruning with rewinding (Frankle et al., ICML 2020)."""

from st_tf.methods._lottery import lottery

METHOD = lottery(searches=False)
