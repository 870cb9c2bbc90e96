"""What every command and every Python user calls."""
