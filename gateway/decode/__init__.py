"""From bytes to samples, without I/O."""
