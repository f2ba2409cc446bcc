"""Clew records what a Python program does as one graph, and slices, explains and re-runs it."""
