"""One training: its state, its step, its plan in steps."""
