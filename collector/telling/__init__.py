"""Telling people and programs what a run has found: hooks, summaries, metrics.

Owns who is told of what, and that nobody is told the same twice, or not at all. Refuses to know how
a run is done: it is handed a report of one that has ended, and keeps nothing from ending well.

Whoever needs it imports from its modules: most of a run goes by before there is anything to tell.
"""
