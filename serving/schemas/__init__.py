"""What callers send and what they get, as pydantic models: bounded, closed to unknown keys, with examples."""
