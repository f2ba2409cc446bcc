"""How fingerprints are made: the walk over a value, and what each kind of type holds."""
