"""Commands for before a training: what the table is like, and what the training will cost."""
