"""exec, eval, compile, runpy, code objects made by hand."""
import ast
import code
import runpy
import sys
import types

namespace = {}
exec("a = [1]\na[0] += 1\ndef f(): return a\nclass C: x = 1", namespace)
print(namespace["f"](), namespace["C"].__module__, sorted(namespace))
print(eval("x + y", {"x": 1}, {"y": 2}), eval(compile("[i for i in range(3)]", "<t>", "eval")))
tree = ast.parse("value = 1 + 2")
tree.body[0].value.op = ast.Mult()
exec(compile(ast.fix_missing_locations(tree), "<tree>", "exec"))
print(value, types.FunctionType(compile("lambda: here", "", "eval").co_consts[0], {"here": 5})())
with open("made_script.py", "w") as file:
    file.write("import sys\nprint(__name__, sys.argv[0], __file__)\nresult = [1]\nresult[0] += 1\n")
print(runpy.run_path("made_script.py", run_name="named")["result"])
print(runpy.run_path("made_script.py", run_name="__main__")["__name__"], __name__)
print(runpy.run_module("made_script", alter_sys=True)["result"])
console = code.InteractiveConsole({})
for line in ("x = [1]", "x[0] += 1", "x", "def f():", "    return x.y", "", "f()", "1/0", "x ="):
    console.push(line)
def template(n): return n + 1
new = types.FunctionType(template.__code__.replace(co_name="renamed"), {}, "other")
print(new(1), new.__name__, new.__code__.co_name, template.__code__ == template.__code__.replace())
print(hash(template.__code__) == hash(template.__code__.replace()), isinstance(template.__code__.co_consts, tuple))
print(sys.intern("abc") is "abc".strip() or True)
