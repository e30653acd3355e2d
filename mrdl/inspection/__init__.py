"""What a table is like before anything is learnt from it: one pass, whose figures no split, order or runner changes."""
