"""SuperTickets for TensorFlow: architecture and lottery ticket from one training run."""

__version__ = '0.1.0'
