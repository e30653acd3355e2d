"""What a machine has and what is free of it, before an experiment and during it."""
