"""Measures of a network's answers, by task: counts and exact sums that add up in any order. Numpy alone."""
