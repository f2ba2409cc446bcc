"""Signals, in the way that the first argument names."""
import os
import signal
import sys
import threading
import time

mode = sys.argv[1]
print(signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGINT).__name__, flush=True)


def later(number, delay=0.2):
    threading.Timer(delay, os.kill, (os.getpid(), number)).start()


def handler(number, frame):
    print("handled", signal.Signals(number).name, frame.f_code.co_name, flush=True)


def wait():
    while True: pass


if mode == "interrupt-sleep":
    later(signal.SIGINT)
    time.sleep(20)
elif mode == "interrupt-loop":
    later(signal.SIGINT)
    wait()
elif mode == "interrupt-caught":
    later(signal.SIGINT)
    try:
        wait()
    except KeyboardInterrupt:
        print("caught")
elif mode == "interrupt-exit":
    try:
        os.kill(os.getpid(), signal.SIGINT)
        wait()
    except KeyboardInterrupt:
        sys.exit(9)
elif mode == "terminate-sleep":
    later(signal.SIGTERM)
    time.sleep(20)
elif mode == "terminate-loop":
    later(signal.SIGTERM)
    wait()
elif mode == "terminate-self":
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(20)
elif mode == "terminate-thread":
    threading.Thread(target=wait, daemon=True).start()
    later(signal.SIGTERM)
    signal.pause()
elif mode == "terminate-handled":
    print(signal.signal(signal.SIGTERM, handler), flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print(signal.signal(signal.SIGTERM, signal.SIG_DFL).__name__, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(20)
elif mode == "hang-up":
    later(signal.SIGHUP)
    time.sleep(20)
elif mode == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
elif mode == "alarm":
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    time.sleep(0.2)
elif mode == "alarm-raises":
    def expire(number, frame):
        raise TimeoutError("too long")
    signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    wait()
elif mode == "abort":
    os.abort()
elif mode == "fault":
    import faulthandler
    faulthandler.enable()
    faulthandler._sigsegv()
elif mode == "ignored":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.kill(os.getpid(), signal.SIGINT)
elif mode == "exit-thread":
    def exits():
        time.sleep(0.1)
        os._exit(6)
    threading.Thread(target=exits).start()
elif mode == "interrupt-join":
    threading.Thread(target=time.sleep, args=(0.5,)).start()
    later(signal.SIGINT)
print("end", flush=True)
