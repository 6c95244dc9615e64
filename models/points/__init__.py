"""Hand-set points: what a sheet says, what it is worth, and what its points should be."""
