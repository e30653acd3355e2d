"""What a run or a sweep says, as pages and pictures."""
