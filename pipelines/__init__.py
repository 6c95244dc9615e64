"""The steps a person or DVC runs, and the command line."""
