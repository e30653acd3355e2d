"""Text: what the columns of a CSV are, its lines as arrays, and what is wrong with those that are none."""
