"""What a network is, as data."""
