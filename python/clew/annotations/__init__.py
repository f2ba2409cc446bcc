"""Declared effects of code that is not Python source to us: YAML files, and their compiled tables."""
