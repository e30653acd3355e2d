"""Ways to train one design of a sweep, behind one signature."""
