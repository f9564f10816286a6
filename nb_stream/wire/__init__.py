"""What goes between kernel and browser: frames out, commands in, at the pace of the slowest page."""
