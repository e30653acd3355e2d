"""Conditions on a running experiment: the grammar they are written in, and what is told held against them."""
