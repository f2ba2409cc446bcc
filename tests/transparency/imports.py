"""Imports of all kinds, their errors, and what modules know of themselves."""
import importlib
import importlib.util
import os
import pkgutil
import sys
import traceback

import helpers
from helpers import arithmetic
from helpers.arithmetic import *

print(add(1, 2), arithmetic.COUNT, COUNT, arithmetic.where())
for name in ("helpers.failing", "helpers.relative", "helpers.missing", "nothing.at.all"):
    try:
        importlib.import_module(name)
    except Exception:
        traceback.print_exc()
    print(name in sys.modules)
try:
    from helpers.arithmetic import missing_name
except ImportError as error:
    print(error, error.name, os.path.basename(error.path))
import helpers.circular
import helpers.warned
importlib.reload(helpers.warned)
arithmetic.COUNT = 10
print(importlib.reload(arithmetic) is arithmetic, arithmetic.COUNT)
for module in (helpers, arithmetic):
    spec = module.__spec__
    print(spec.name, os.path.relpath(spec.origin), type(spec.loader).__name__, spec.has_location, spec.parent)
    print(os.path.relpath(module.__file__), os.path.relpath(module.__cached__), os.path.exists(module.__cached__))
    print(type(module.__loader__).__name__, spec.loader.get_source(module.__name__) == open(module.__file__).read())
print(sorted(name for _, name, _ in pkgutil.iter_modules(helpers.__path__)))
print(sorted(os.listdir(os.path.join(os.path.dirname(helpers.__file__), "__pycache__"))))
print([finder.__name__ for finder in sys.meta_path], len(sys.path_hooks))
spec = importlib.util.spec_from_file_location("loaded_by_hand", arithmetic.__file__)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.add(2, 3), module.__name__, module.add.__module__, module.add is arithmetic.add)
with open("made.py", "w") as file:
    file.write("value = 1\n")
importlib.invalidate_caches()
import made
print(made.value)
os.utime("made.py", (1, 1))
with open("made.py", "w") as file:
    file.write("value = 22\n")
print(importlib.reload(made).value)
import imports as again
print(again is sys.modules["__main__"], again.__name__)
