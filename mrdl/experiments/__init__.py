"""Many trainings of any kind: what they start from, what they tell, when they end, and who is told of it."""
