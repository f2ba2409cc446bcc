"""locals(), globals(), vars(), dir(): no name appears that the program did not write."""
before = sorted(globals())
print(before)
x = [1]
x[0] += 1
print(sorted(set(globals()) - set(before)))


def function(a, b=2, *args, c, **kwargs):
    print(sorted(locals().items(), key=str))
    d = a
    d += 1
    for e in range(2):
        print(locals())
    f = [locals() for g in [1]]
    print(f, dir(), vars() == locals())
    try:
        raise ValueError
    except ValueError as error:
        print(sorted(locals()))
    with open("/dev/null") as h:
        print(sorted(locals()))
    print(function.__code__.co_varnames, function.__code__.co_names, function.__code__.co_freevars)
    return eval("a + b + c")


print(function(1, c=3, k=4))


class Klass:
    print(sorted(locals()))
    y = 1
    z = [w for w in range(y)]
    print(sorted(vars()))

    def method(self):
        return __class__, sorted(locals())

    print(sorted(dir()))


print(sorted(vars(Klass)), Klass().method())
exec("made = 1\nprint(sorted(locals()) == sorted(globals()))")
print(made, eval("[x for x in range(3)]"), sorted(n for n in dir(__builtins__) if "clew" in n.lower()))
scope = {}
exec("q = 1\ndef g(): return sorted(globals())", scope)
print(scope["g"]())
print(sorted(globals()))
print(__name__, __doc__, __file__, __package__, __spec__, __cached__, type(__loader__).__name__, __builtins__)
print(list(globals())[:10])
print((lambda: locals())(), [locals() for _ in "a"][0].keys() if False else "")
globals()["made_by_hand"] = 5
print(made_by_hand)
del made_by_hand
print("made_by_hand" in globals())
