"""sys.monitoring, where there is one: lines, starts and returns."""
import sys

if sys.version_info < (3, 12):
    raise SystemExit(0)

monitoring = sys.monitoring
seen = []
monitoring.use_tool_id(2, "test")
monitoring.register_callback(2, monitoring.events.LINE, lambda code, line: seen.append(("line", code.co_name, line)))
monitoring.register_callback(2, monitoring.events.PY_START, lambda code, offset: seen.append(("start", code.co_name)))
monitoring.register_callback(2, monitoring.events.PY_RETURN, lambda code, offset, value: seen.append(("return", code.co_name, value)))


def helper(values):
    total = 0
    for value in values:
        if value % 2:
            total += value
    return total


def program():
    data = [1, 2, 3]
    data[0] = helper(data)
    return [x for x in data if x].index(4)


monitoring.set_events(2, monitoring.events.LINE | monitoring.events.PY_START | monitoring.events.PY_RETURN)
result = program()
monitoring.set_events(2, 0)
for item in seen:
    print(item)
print(result)
