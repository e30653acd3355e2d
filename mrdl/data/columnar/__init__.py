"""Column files (Parquet, ORC) and partition folders: what is in them, and their rows as arrays, piece by piece."""
