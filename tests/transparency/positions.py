"""Every instruction's position lies in the text, and most are those of whole expressions."""
import ast
import sys
import types

TEXT = '''
def f(a, b):
    c = a.x + b[0] * len(a.y)
    for d in c.items(): print(f"{d!r:>{b.w}} {a.z}", file=a)
    return [g(h) for h in c if h.k > 1] or (lambda m: m.n)(c)
'''
exec(compile(TEXT, "<text>", "exec"))


def walk(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from walk(constant)


def own(value):
    total = value.real + value.imag * 2
    for i in range(int(total)):
        total += [i, i + 1][0] if i % 2 else (lambda j: j.real)(i)
    return {k: v for k, v in zip("ab", (total, value.conjugate()))}


print(own(3))
source = open(__file__).read().splitlines()
for code in walk(own.__code__):
    texts = set()
    for start_line, end_line, start, end in code.co_positions():
        if None in (start_line, end_line, start, end):
            continue
        assert 1 <= start_line <= end_line <= len(source), (start_line, end_line)
        assert 0 <= start <= len(source[start_line - 1].encode()), (start, start_line)
        assert 0 <= end <= len(source[end_line - 1].encode()), (end, end_line)
        if start_line == end_line:
            texts.add(source[start_line - 1].encode()[start:end].decode())
    expressions = set()
    for node in ast.walk(ast.parse("\n".join(source))):
        if hasattr(node, "col_offset"):
            expressions.add(ast.get_source_segment("\n".join(source), node))
    print(code.co_name, len(texts & expressions) > 1)
