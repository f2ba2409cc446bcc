"""Threads: names, results, exceptions, locals, locks."""
import concurrent.futures
import queue
import sys
import threading
import traceback

local = threading.local()
results = []
lock = threading.Lock()


def work(n):
    local.value = n
    with lock:
        results.append((n, [f.name for f in traceback.extract_stack()][-2:]))
    return local.value * 2


def failing():
    raise ValueError("in a thread")


threads = [threading.Thread(target=work, args=(n,), name=f"worker {n}") for n in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(results), hasattr(local, "value"), threading.active_count())
bad = threading.Thread(target=failing, name="bad")
bad.start()
bad.join()
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    print(list(pool.map(work, range(5))))
    try:
        pool.submit(failing).result()
    except ValueError:
        traceback.print_exc()
threading.excepthook = lambda details: print("hook", details.exc_type.__name__, details.thread.name)
again = threading.Thread(target=failing, name="again")
again.start()
again.join()
threading.settrace(lambda frame, event, arg: print("traced", frame.f_code.co_name, event) if frame.f_code.co_name == "work" else None)
traced = threading.Thread(target=work, args=(7,))
traced.start()
traced.join()
threading.settrace(None)
items = queue.Queue()


def produce():
    for i in range(3):
        items.put(i)
    items.put(None)


threading.Thread(target=produce).start()
print(list(iter(items.get, None)))
event = threading.Event()
timer = threading.Timer(0.01, event.set)
timer.start()
print(event.wait(5), len(sys._current_frames()) >= 1)
