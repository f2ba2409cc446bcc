"""Syntax errors that the program itself meets."""
import ast
import traceback

for text in ("x = ", "def f(:\n  pass", "  x", "f(a for a in b, c)", "x = 'abc", "é = $", "a, b += 1", "print 1", "{1:2, 3}"):
    for run in (compile, ast.parse):
        try:
            run(text, "<text>", "exec")
        except SyntaxError as error:
            print(error.msg, error.lineno, error.offset, error.end_lineno, error.end_offset, repr(error.text))
            traceback.print_exc()
exec(compile("def g():\n    return 1 / 0\n", "<made>", "exec"))
try:
    g()
except ZeroDivisionError:
    traceback.print_exc()
exec("import nothing_of_this_name")
