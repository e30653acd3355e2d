"""What a run is told: settings, and code of the user's own."""
