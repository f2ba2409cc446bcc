"""sys.excepthook of the program's own, in the way that the first argument names."""
import sys


def plain(kind, value, tb):
    print("hook", kind.__name__, value, tb.tb_lineno, tb.tb_next, sys._getframe().f_back)
    print(sys.last_type, repr(sys.last_value), sys.last_traceback is tb)


def failing(kind, value, tb):
    raise RuntimeError("in the hook")


def exiting(kind, value, tb):
    sys.exit(7)


def unraisable(details):
    print("unraisable", details.exc_type.__name__, details.err_msg)


class Bad:
    def __del__(self):
        raise ValueError("in del")


mode = sys.argv[1]
if mode == "missing":
    del sys.excepthook
elif mode == "none":
    sys.excepthook = None
elif mode == "unraisable":
    sys.unraisablehook = unraisable
    bad = Bad()
    del bad
else:
    sys.excepthook = {"plain": plain, "failing": failing, "exiting": exiting}[mode]
raise ValueError("uncaught")
