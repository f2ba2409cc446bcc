"""A package of the user's."""
print("importing", __name__, __package__, __file__.rsplit("/", 2)[-2:], sorted(globals())[:3])
