"""A run in a terminal or a log."""
