"""Backends: what a framework's teams, recordings and replays are to the rest of this package."""
