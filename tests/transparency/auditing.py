"""An audit hook hears of what the program does and of nothing else."""
import sys

log = []
active = True
# Which directories were listed before depends on what was imported before the program.
BESIDE = ("gc.", "cpython.", "os.listdir")


def hook(event, arguments):
    if active and not event.startswith(BESIDE):
        log.append((event, [a for a in arguments if isinstance(a, (str, int)) and "/" not in str(a)][:1]))


sys.addaudithook(hook)
import colorsys
from helpers import arithmetic

with open("/dev/null") as file:
    file.read()
eval("1 + 1")
print(arithmetic.add(1, 2), colorsys.rgb_to_hsv(1, 0, 0))
id(log)
try:
    open("/nonexistent")
except OSError:
    pass
compile("x", "<x>", "eval")
active = False
for entry in log:
    print(entry)
active = True
sys.addaudithook(lambda event, arguments: print("late", event) if event == "open" else None)
