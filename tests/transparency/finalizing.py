"""Destructors that run while the interpreter goes away."""
import sys


class Last:
    def __init__(self, name, other=None):
        self.name, self.other = name, other

    def __del__(self, sys=sys, print=print):
        print("del", self.name, sys.is_finalizing(), sys.modules is None, sys._getframe().f_back)
        try:
            unbound_global
        except NameError as error:
            print(error)


def generator():
    try:
        yield
    finally:
        print("generator closed")


unbound_global = Last("global")
kept = generator()
next(kept)
a = Last("a")
b = Last("b", a)
a.other = b
sys.kept = Last("in sys")
Last.on_class = Last("on the class")
function = (lambda last: lambda: last)(Last("in a closure"))
import helpers
helpers.kept = Last("in another module")
print("end of program")
