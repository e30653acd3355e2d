"""`mrdl sweep` and its verbs."""
