"""A sheet in the words of other systems, one module each."""
