"""What an experiment starts from: its code, command, machine, packages and data, and what differs between two."""
