"""The commands that look at runs, and act on them."""
