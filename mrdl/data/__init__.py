"""Rows: types of columns, statistics, scaling, hashes."""
