"""Declared effects of code whose source Clew does not see: YAML files and their tables."""
