"""What a sheet misses and what a model knows: second opinions, missing rules, other times, distilled sheets."""
