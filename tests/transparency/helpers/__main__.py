"""Run by `-m helpers`."""
import sys

from . import arithmetic

print("main of", __name__, __package__, __spec__.name, sys.argv[1:], __file__.rsplit("/", 2)[-2:])
print(sys.argv[0].rsplit("/", 2)[-2:], sys.path[0] in ("", __file__.rsplit("/", 2)[0]), arithmetic.where())
if sys.argv[1:] == ["fail"]:
    arithmetic.fail()
