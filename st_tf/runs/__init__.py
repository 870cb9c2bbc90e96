"""One run of a training in its folder."""
