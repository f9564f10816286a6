"""What was said and what follows from it, pure: no event loop, no files, no framework."""
