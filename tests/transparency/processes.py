"""multiprocessing by the start method that the first argument names; children do not disturb anything."""
import concurrent.futures
import multiprocessing
import os
import sys

class Payload:
    def __init__(self, n):
        self.n = n


def square(payload):
    return Payload(payload.n**2)


def fails(n):
    raise ValueError(n)


def child(queue, n):
    queue.put((n, __name__, multiprocessing.current_process().name, len(sys.argv)))
    sys.exit(n)


def main():
    context = multiprocessing.get_context(sys.argv[1])
    queue = context.Queue()
    process = context.Process(target=child, args=(queue, 3), name="child")
    process.start()
    print(queue.get()[0::2])
    process.join()
    print(process.exitcode)
    with context.Pool(2) as pool:
        print([p.n for p in pool.map(square, map(Payload, range(5)))])
        try:
            pool.apply(fails, (1,))
        except ValueError as error:
            print(repr(error), type(error.__cause__).__name__)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        print([p.n for p in executor.map(square, map(Payload, range(3)))])
    failing = context.Process(target=fails, args=(2,), name="failing")
    failing.start()
    failing.join()
    print(failing.exitcode)
    stuck = context.Process(target=__import__("time").sleep, args=(60,))
    stuck.start()
    stuck.terminate()
    stuck.join()
    print(stuck.exitcode)


if __name__ == "__main__":
    main()
