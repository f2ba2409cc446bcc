"""Describe one recording: the program, how it ended, its sources, what it used and saved."""
