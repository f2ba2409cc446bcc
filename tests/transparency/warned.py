"""Warnings: of the compiler, of the program, with filters and registries."""
import warnings

value = 5
if value is 5:
    print("is")
assert (value, "a message")
text = "\d\w"
() == "never" or print("ok")
[][0:0]
(1)[0] if False else None
warnings.warn("plain")
for _ in range(2):
    warnings.warn("in a loop")
warnings.warn("deprecated", DeprecationWarning)
warnings.warn_explicit("explicit", UserWarning, "file.py", 3)


def function():
    warnings.warn("inner", stacklevel=2)
    warnings.warn("future", FutureWarning, stacklevel=1)


function()
function()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    function()
    compile("1 is 1", "<text>", "eval")
print([(str(w.message), w.category.__name__, w.lineno, w.filename.rsplit("/", 1)[-1]) for w in caught])
print(sorted(str(key[0]) if isinstance(key, tuple) else key for key in __warningregistry__))
warnings.simplefilter("error")
try:
    function()
except UserWarning as error:
    print(error.__traceback__.tb_next.tb_lineno)
try:
    compile("2 is 2", "<text>", "exec")
except SyntaxError as error:
    print(error)
unclosed = open("/dev/null")
warnings.simplefilter("always")
del unclosed
print(warnings.filters[:1])
