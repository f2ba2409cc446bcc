"""What the program finds in `sys`."""
import os
import sys

print(sys.argv, sys.orig_argv[1:], sys.path[0] == os.path.dirname(os.path.realpath(__file__)), len(sys.path))
print(sys.flags, sys.warnoptions, sys._xoptions, sys.dont_write_bytecode)
print(sys.getrecursionlimit(), sys.getswitchinterval(), sys.gettrace(), sys.getprofile(), sys.excepthook, sys.displayhook)
print(sys.getallocatedblocks() > 0, sys.exc_info(), sys.executable, sys.prefix == sys.base_prefix, sys.stdin.fileno())
print([name for name in ("threading", "atexit", "json", "re", "argparse", "logging", "typing", "inspect") if name in sys.modules])
print(sorted(os.listdir("/proc/self/fd"))[:3], os.dup(0))
print(sorted(os.environ) == sorted(k for k in os.environ), os.getcwd() == os.path.dirname(__file__))
print(sys.modules["__main__"].__dict__ is globals(), sys.is_finalizing(), __file__ == os.path.abspath(__file__))
with open("/proc/self/status") as status:
    print([line.split() for line in status if line.startswith(("Threads", "SigIgn", "SigBlk"))])
