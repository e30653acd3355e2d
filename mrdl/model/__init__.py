"""What comes out of a training, and its file."""
