"""What a page shows: pure functions from recorded answers to words. No number is computed here."""
