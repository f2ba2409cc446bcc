"""Generators, coroutines, asynchronous everything."""
import asyncio
import contextlib
import contextvars
import inspect
import sys
import traceback


def counting(limit):
    received = []
    try:
        for i in range(limit):
            got = yield i
            if got:
                received.append(got)
    except GeneratorExit:
        print("closed")
        raise
    except ValueError as error:
        print("thrown", error)
        yield "recovered"
    finally:
        print("received", received)
    return received


def delegating(limit):
    result = yield from counting(limit)
    print("delegated", result)
    return result + ["end"]


generator = delegating(3)
print(next(generator), generator.send("a"), inspect.getgeneratorstate(generator), generator.gi_frame.f_lineno)
print(generator.throw(ValueError("v")))
try:
    next(generator)
except StopIteration as stop:
    print("stopped", stop.value)
half = delegating(5)
next(half)
half.close()
print(list(delegating(2)), sum(x * y for x in range(3) for y in range(x)), [*map(str, counting(2))])


def stack_inside():
    print([f.name for f in traceback.extract_stack()])
    yield sys._getframe().f_back.f_code.co_name


print(next(stack_inside()), [x for x in stack_inside()])
variable = contextvars.ContextVar("variable", default="unset")


@contextlib.asynccontextmanager
async def connection(name):
    print("open", name)
    try:
        yield name
    finally:
        await asyncio.sleep(0)
        print("close", name)


class Ticker:
    def __init__(self, limit):
        self.limit = limit

    def __aiter__(self):
        self.now = 0
        return self

    async def __anext__(self):
        if self.now == self.limit:
            raise StopAsyncIteration
        self.now += 1
        await asyncio.sleep(0)
        return self.now


async def numbers(limit):
    for i in range(limit):
        try:
            yield i
        finally:
            print("yielded", i)


async def worker(name, queue):
    variable.set(name)
    while (item := await queue.get()) is not None:
        print(name, item, variable.get())
        await asyncio.sleep(0)
    return name


async def main():
    async with connection("one") as one, connection("two"):
        print(one, [n async for n in Ticker(3)], {n: m async for n in Ticker(2) for m in "a"})
    async for n in numbers(3):
        if n == 1:
            break
    else:
        print("never")
    queue = asyncio.Queue()
    tasks = [asyncio.create_task(worker(name, queue), name=name) for name in "ab"]
    for item in [1, 2, 3, None, None]:
        queue.put_nowait(item)
    print(await asyncio.gather(*tasks), variable.get())
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(10)
    except TimeoutError as error:
        print("timeout", repr(error))
    task = asyncio.create_task(asyncio.sleep(10))
    await asyncio.sleep(0)
    task.cancel("reason")
    try:
        await task
    except asyncio.CancelledError as error:
        print("cancelled", error)
    print(await asyncio.to_thread(lambda: "from a thread"))
    print([await asyncio.sleep(0, x) for x in range(2)], (await asyncio.sleep(0, 5)) + 1)
    inner = broken()
    try:
        await inner
    except ZeroDivisionError:
        traceback.print_exc()


async def broken():
    await asyncio.sleep(0)
    return 1 / 0


asyncio.run(main())
never = broken()
del never
coroutine = broken()
print(coroutine.cr_await, coroutine.cr_code.co_name, inspect.iscoroutine(coroutine))
coroutine.close()
with asyncio.Runner() as runner:
    print(runner.run(asyncio.sleep(0, "ran")))
asyncio.run(asyncio.wait_for(asyncio.sleep(10), 0.01))
