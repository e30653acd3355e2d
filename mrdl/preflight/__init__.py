"""Before a run: what it will cost."""
