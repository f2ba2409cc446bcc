"""Order of the end: the main module, threads, atexit functions, destructors."""
import atexit
import sys
import threading
import time
import traceback


class Last:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("del", self.name, sys._getframe().f_back)


@atexit.register
def first():
    print("first registered", "__file__" in globals(), threading.active_count(), atexit._ncallbacks())
    traceback.print_stack()
    atexit.register(print, "registered while exiting")


@atexit.register
def second():
    print("second registered")
    sys.exit(5)


@atexit.register
def third():
    1 / 0


def work():
    time.sleep(0.05)
    print("thread done", threading.main_thread().is_alive())
    holder.append(Last("from a thread"))


holder = []
one, two = Last("global"), Last("cycle")
two.itself = two
threading.Thread(target=work).start()
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
threading._register_atexit(print, "threading's own exit function")
print("end of module", threading.active_count(), [t.name for t in threading.enumerate()][:1])
