"""Runs of a team from start to end: who hears of them, whose tokens pass, who is asked."""
