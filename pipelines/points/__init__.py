"""Commands about the hand-set sheet: read, check, write."""
