"""How raw rows of a table become the inputs of a network, chunk by chunk."""
