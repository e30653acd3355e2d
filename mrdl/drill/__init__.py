"""The promise, put to the test."""
