"""Event loops and threads: how a stream is reached from others, from a kernel that runs a cell, and by an interrupt."""
