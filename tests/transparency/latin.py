# -*- coding: latin-1 -*-
"""Latin: éè."""
name = "café"
print(name, len(name), __doc__)
été = [1]
été[0] += 1
print(été, f"{name!r:>8}")
raise ValueError("é" + name.missing)
