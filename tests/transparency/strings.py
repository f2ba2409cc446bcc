"""f-strings with everything in them."""
import datetime


class Loud:
    def __init__(self, value): self.value = value
    def __str__(self): print("str"); return f"s{self.value}"
    def __repr__(self): print("repr"); return f"r{self.value}"
    def __format__(self, spec): print("format", repr(spec)); return f"f{self.value}{spec}"
    def method(self, *args): return args


width, precision, value, loud = 10, 3, 3.14159, Loud(1)
names = {"a": "x", "b": [1, 2]}
print(f"{value:{width}.{precision}f}|{value!r:>{width}}|{value!s:^{width}}|{value=}|{value = :.2f}|{width + 1 = }")
print(f"{loud}|{loud!s}|{loud!r}|{loud!a}|{loud:x}|{loud:{width}}|{loud=}|{loud=!s}|{loud=:y}")
print(f"{names['a']}{names['b'][0]}{{literal}}{'nested ' + f'{value:.1f}'}")
print(f"{[x * 2 for x in names['b']]}{ {k: v for k, v in names.items()} }{(lambda q: q + 1)(2)}")
print(f"{loud.method(1, *[2], **{})}{loud.value if loud.value else 'no'}{(y := 5)}{y}")
print(f'''{
    value
    :.2f}
  {width}
''')
print(rf"\d{width}\n", fr"{value}\t", f"\N{BULLET} \x41 {'é'} {chr(10)!r}")
print(f"{datetime.date(2020, 1, 2):%Y/%m/%d} {datetime.date(2020, 1, 2)!s:>12}", "%s %r %(a)s" % ({"a": 1},) if 0 else "%5.1f%%" % value)
print("{0.value} {1[a]} {x:>{y}}".format(loud, names, x=1, y=4), "{!r}".format(loud))
print(f"{'a' 'b'}" "c" f"{width}" 'd', f"", f"{width}{value}", f"{width:>5}{width:<5}", f"{'':*^{width}}")
print(f"{True and width!r}", f"{not width}", f"{width == 10 and 'ten'}", f"{width:#x}", f"{-width:+d}", f"{width:,}")


def inside(a, b=f"{width}"):
    """A plain docstring."""
    c = f"{a}{b}"
    return f"{c=} {a.upper()} {len(f'{c:>{len(a) + 3}}')}"


print(inside("q"), inside.__doc__, inside.__defaults__)
async def coroutine(): return f"{await other()}"
async def other(): return "awaited"
import asyncio
print(asyncio.run(coroutine()))
def yields(): x = f"{(yield 1)}{(yield 2)}"; yield x
generator = yields()
print(next(generator), generator.send("a"), generator.send("b"))
