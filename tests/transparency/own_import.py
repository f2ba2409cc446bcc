"""A script that imports itself under its own name runs twice."""
import sys

print("running as", __name__)
if __name__ == "__main__":
    import own_import

    print(hasattr(own_import, "Thing"), own_import.__file__ == __file__)


class Thing:
    pass


print(Thing.__module__, Thing.__qualname__)
