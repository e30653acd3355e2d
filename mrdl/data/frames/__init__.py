"""DataFrames: as the CSV that a run reads, and as the raw values that a model takes."""
