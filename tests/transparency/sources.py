"""inspect finds sources, signatures and docs of everything."""
import inspect
import linecache
import sys


def decorated(function):
    """Decorates."""
    return function


@decorated
def simple(a, /, b: "int" = 1, *rest: str, key=None, **more) -> "list[int]":
    """Simple."""
    # a comment
    return [a]


class Outer:
    """Outer."""

    attribute = 1

    class Inner(list):
        def method(self, value=len("abc")):
            def nested():
                return value
            return nested

    @staticmethod
    def static(): return 1

    @property
    def prop(self):
        """The property."""
        return self.attribute

    async def coroutine(self): return await self

    def generator(self): yield 1


function = lambda x, y=(1, 2): x + y[0]  # noqa

for thing in (simple, Outer, Outer.Inner, Outer.Inner.method, Outer.Inner().method(), Outer.static, Outer.prop.fget,
              Outer.coroutine, Outer.generator, function):
    print(thing.__qualname__, thing.__doc__, thing.__module__)
    print(inspect.getsource(thing), inspect.getsourcelines(thing)[1])
    if not isinstance(thing, type):
        print(inspect.signature(thing), thing.__defaults__, thing.__kwdefaults__, thing.__annotations__)
        code = thing.__code__
        print(code.co_name, code.co_qualname, code.co_firstlineno, code.co_flags, code.co_argcount, code.co_filename)
print(inspect.getdoc(sys.modules["__main__"]), inspect.getfile(Outer), inspect.getcomments(simple))
print(inspect.getmembers(Outer, inspect.isfunction))
print(inspect.iscoroutinefunction(Outer.coroutine), inspect.isgeneratorfunction(Outer.generator))
print(inspect.getclosurevars(Outer.Inner().method(3)))
print(linecache.getline(__file__, 1))
print(inspect.getsource(sys.modules[__name__]) == open(__file__).read())
print(sorted(inspect.getattr_static(Outer, "prop").__dir__())[:2])
lines = sorted({line for _, _, line in simple.__code__.co_lines() if line})
print(lines)
