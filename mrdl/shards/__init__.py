"""Rows shared out: the records on their way, where a row belongs, packed shards and their cache."""
