"""How fingerprints are made: the walk over a value (`encoder`), and what each kind of type holds."""
