"""Streams closed or broken before the end, in the way that the first argument names."""
import os
import sys

mode = sys.argv[1]
if mode == "stdout":
    print("written")
    sys.stdout.close()
elif mode == "stderr":
    sys.stderr.close()
    raise ValueError("unseen")
elif mode == "descriptor":
    print("lost")
    os.close(1)
elif mode == "full":
    sys.stdout = open("/dev/full", "w")
    print("lost")
elif mode == "none":
    sys.stdout = sys.stderr = None
    print("nowhere")
    sys.exit("unseen")
elif mode == "deleted":
    del sys.stdout, sys.stderr
    raise ValueError("lost")
