"""The same point-in-time features by our kernel and by the best forms we know of DuckDB, Polars and pandas."""
