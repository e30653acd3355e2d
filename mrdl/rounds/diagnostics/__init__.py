"""The health of a run: figures that are kept with its rounds, and what they say in words."""
