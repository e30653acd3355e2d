"""What the pages see of runs and sweeps while they go on and after: read from their folders, and never written."""
