"""Sessions: the runs and sweeps of the home, started, listed, acted on and asked."""
