"""The verbs of `mrdl exp`."""
