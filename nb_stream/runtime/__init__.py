"""Runs of a team from start to end: who hears of the events, whose tokens pass, and who is asked."""
