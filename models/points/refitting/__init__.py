"""The points that rules should have: learned jointly, with intervals, verdicts, and a sheet to hand back."""
