"""The data of a run, and the pure functions that make a transcript of it.

Nothing here knows an event loop, a file or a framework. So everything in this package can be tested with values alone.
"""
