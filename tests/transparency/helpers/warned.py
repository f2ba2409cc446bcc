"""The compiler warns about this module, once."""
import warnings

value = 1
if value is 1:
    print("one")
text = "\d"
warnings.warn("at import")
warnings.warn("of the importer", DeprecationWarning, stacklevel=2)
