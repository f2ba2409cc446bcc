"""An exception group at module level, with `except*` that leaves a part."""
import asyncio


async def fail(error):
    await asyncio.sleep(0)
    raise error


async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(fail(ValueError("one")))
        group.create_task(fail(TypeError("two")))


try:
    asyncio.run(main())
except* ValueError as errors:
    print("caught", errors.exceptions)
