"""Recordings: events as lines of a file, written while a team runs, read again and replayed."""
