"""Tests of sheets in the words of other systems."""
