"""Rows: columns, CSV, statistics, scaling, hashes."""
