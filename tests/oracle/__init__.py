"""The oracle of slices: run the program, run the slice, compare the values.

Nothing in this package imports Clew. Programs are run under the plain interpreter, the command line
is run as a user would run it, and values are compared by a description of our own (`values`), so
that a mistake in Clew's fingerprints cannot hide a mistake in its slices.
"""
