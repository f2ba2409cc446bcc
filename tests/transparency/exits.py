"""sys.exit with the value that the first argument names."""
import atexit
import sys


class Own(SystemExit):
    pass


atexit.register(print, "goodbye")
values = {
    "nothing": lambda: sys.exit(),
    "none": lambda: sys.exit(None),
    "zero": lambda: sys.exit(0),
    "three": lambda: sys.exit(3),
    "true": lambda: sys.exit(True),
    "big": lambda: sys.exit(256 + 7),
    "negative": lambda: sys.exit(-1),
    "huge": lambda: sys.exit(2**70),
    "text": lambda: sys.exit("a reason"),
    "tuple": lambda: sys.exit((1, 2)),
    "float": lambda: sys.exit(1.5),
    "two": lambda: (_ for _ in ()).throw(SystemExit(1, 2)),
    "own": lambda: (_ for _ in ()).throw(Own(9)),
    "quit": lambda: quit(4),
    "deep": lambda: [sys.exit(5) for _ in "a"],
    "group": lambda: (_ for _ in ()).throw(BaseExceptionGroup("g", [SystemExit(3)])),
    "no-stderr": lambda: (setattr(sys, "stderr", None), sys.exit("unseen")),
    "interrupt": lambda: (_ for _ in ()).throw(KeyboardInterrupt),
    "own-interrupt": lambda: (_ for _ in ()).throw(type("Mine", (KeyboardInterrupt,), {})("x")),
    "generator": lambda: (_ for _ in ()).throw(GeneratorExit),
}
print("before")
try:
    values[sys.argv[1]]()
finally:
    print("finally", file=sys.stdout)
