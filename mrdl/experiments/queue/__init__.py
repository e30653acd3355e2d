"""Experiments that wait for their turn, and the process that starts them."""
