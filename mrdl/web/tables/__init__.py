"""Tables: how they come in, where they lie, and what is in them."""
