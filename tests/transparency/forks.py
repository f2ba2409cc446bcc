"""os.fork: children that run to the end, exit, are killed, execute another program."""
import atexit
import os
import signal
import sys
import warnings

warnings.simplefilter("error")


def finish(pid):
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


parent = os.getpid()
value = [1]
atexit.register(lambda: print("atexit", os.getpid() == parent, flush=True))
for ending in ("exit", "_exit", "raise", "term", "exec"):
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        print(ending, finish(pid), value, flush=True)
        continue
    value.append(ending)
    print("child", value, flush=True)
    if ending == "exit":
        sys.exit(3)
    if ending == "_exit":
        os._exit(4)
    if ending == "raise":
        raise ValueError("in the child")
    if ending == "term":
        os.kill(os.getpid(), signal.SIGTERM)
    os.execv("/bin/sh", ["sh", "-c", "echo executed; exit 5"])
pid = os.fork()
if pid:
    print("to the end", finish(pid))
print("end", os.getpid() == parent)
