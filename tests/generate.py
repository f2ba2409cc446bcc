"""Random programs: small, nasty, deterministic, and sure to end.

Every name has a kind, and every generated operation is right for the kinds of its operands, so most
programs run to their end; a few raise, which is a case too. Lists hold numbers only, lists of lists
hold lists only, and so on; what is random is who shares what with whom, in which order it is
changed, and from where: loops, functions, closures, methods, generators, handlers, context
managers, comprehensions, a helper module, files.

    python tests/generate.py SEED       prints the program of a seed
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

HELPER = """\
count = 0
items = []
table = {"n": 1}


def push(x):
    global count
    count += 1
    items.append(x)
    return len(items)


def share():
    return items


def scale(xs, k=2):
    for i, x in enumerate(xs):
        xs[i] = x * k % 97
    return xs


def fresh(n):
    return [n, n + 1]
"""

KINDS = ("num", "text", "nums", "rows", "map", "lists", "obj", "gen", "step", "bag")
_NAMES = {
    "num": "n",
    "text": "s",
    "nums": "xs",
    "rows": "rows",
    "map": "d",
    "lists": "dl",
    "obj": "o",
    "gen": "g",
    "step": "f",
    "bag": "bag",
}
_CLASSES = """\
class Base:
    made = 0
    limit = 3
    log = []

    def __init__(self, n=0, items=None):
        self.n = n
        self.items = items if items is not None else [n]
        self.child = None
        Base.made += 1

    def add(self, x):
        self.items.append(x)
        self.n += x
        return len(self.items)

    def bump(self, k=1):
        self.n = (self.n + k) % 97
        return self.n

    @property
    def size(self):
        self.log.append("size")
        return len(self.items)

    def __iadd__(self, k):
        self.n += k
        return self

    def __getitem__(self, k):
        return self.items[k % len(self.items)] if self.items else 0

    def __setitem__(self, k, x):
        if self.items:
            self.items[k % len(self.items)] = x

    def __len__(self):
        return len(self.items)

    def __bool__(self):
        self.n += 1
        return self.n % 2 == 0

    def __enter__(self):
        self.n += 2
        return self.items

    def __exit__(self, kind, error, trace):
        self.items.append(-1)
        return kind is KeyError


class Child(Base):
    def __init__(self, n=0, items=None):
        super().__init__(n + 1, items)
        self.extra = {"k": n}

    def bump(self, k=1):
        self.extra["k"] += k
        return super().bump(k * 2)
"""


@dataclass
class Scope:
    """The names that may be used at a place, by kind; `writable` names may be bound there."""

    names: dict[str, list[str]]
    function: bool = False
    loop: bool = False
    depth: int = 0
    globals_declared: list[str] = field(default_factory=list)

    def inner(self, **changes: object) -> Scope:
        """The scope of a nested block: what it binds may stay unbound, so outer names do not
        grow.
        """
        made = Scope(
            {kind: list(names) for kind, names in self.names.items()},
            self.function,
            self.loop,
            self.depth + 1,
        )
        for name, value in changes.items():
            setattr(made, name, value)
        return made


class Generator:
    """Makes one program from one seed."""

    def __init__(self, seed: int, size: int | None = None) -> None:
        self.rng = random.Random(seed)
        self.size = size or self.rng.randint(8, 30)
        self.made = 0
        self.functions: list[tuple[str, str]] = []
        self.generators: list[str] = []
        self.factories: list[str] = []
        self.managers: list[str] = []
        self.uses_class = self.rng.random() < 0.7
        self.uses_helper = self.rng.random() < 0.4
        self.uses_files = self.rng.random() < 0.4
        self.uses_random = self.rng.random() < 0.2

    def program(self) -> tuple[str, dict[str, str]]:
        """Return the text and the files beside it."""
        lines = [
            "import bisect, heapq, operator",
            "from contextlib import contextmanager, suppress",
        ]
        lines += ["def scaled(x): return 3 * x"]
        if self.uses_random:
            lines += ["import random", "random.seed(3)"]
        if self.uses_helper:
            lines.append("import helper")
        if self.uses_class:
            lines += _CLASSES.splitlines()
        scope = Scope({kind: [] for kind in KINDS})
        for kind in ("num", "nums", "nums", "map", "rows", *(["obj"] if self.uses_class else [])):
            lines += self.bind(kind, scope, fresh=True)
        while self.size > 0:
            lines += self.definition(scope) if self.rng.random() < 0.16 else self.statement(scope)
        return "\n".join(lines) + "\n", {"helper.py": HELPER} if self.uses_helper else {}

    # -- names and expressions ----------------------------------------------------------------

    def pick(self, kind: str, scope: Scope) -> str | None:
        """A name of a kind, the recent ones more often."""
        names = scope.names[kind]
        if not names:
            return None
        return names[-1 - min(int(self.rng.expovariate(0.7)), len(names) - 1)]

    def new_name(self, kind: str, scope: Scope) -> str:
        """A name to bind: often one that exists, so that names are bound again."""
        names = [name for name in scope.names[kind] if name.isidentifier()]
        if names and self.rng.random() < 0.4:
            return self.rng.choice(names)
        self.made += 1
        return f"{_NAMES[kind]}{self.made}"

    def bind(self, kind: str, scope: Scope, *, fresh: bool = False) -> list[str]:
        """Bind a name of a kind to a new or an existing object."""
        self.size -= 1
        value = self.fresh(kind, scope) if fresh else self.value(kind, scope)
        name = self.new_name(kind, scope)
        if name not in scope.names[kind]:
            scope.names[kind].append(name)
        return [f"{name} = {value}"]

    def value(self, kind: str, scope: Scope) -> str:
        """An expression of a kind: an alias as often as not."""
        paths = self.paths(kind, scope)
        if paths and kind != "num" and self.rng.random() < 0.6:
            return self.rng.choice(paths)
        return self.fresh(kind, scope)

    def paths(self, kind: str, scope: Scope) -> list[str]:
        """Expressions that give an object which exists already."""
        found = list(scope.names[kind][-4:])
        row, table, thing = (self.pick(k, scope) for k in ("rows", "lists", "obj"))
        if kind == "nums":
            found += [f"{row}[{self.rng.choice((0, -1))}]"] if row else []
            found += [f"{table}.setdefault({self.key()}, [])"] if table else []
            found += [f"{thing}.items"] if thing else []
            found += ["helper.items", "helper.share()"] if self.uses_helper else []
        if kind == "obj" and thing:
            found.append(f"({thing}.child or {thing})")
        if kind == "map" and self.uses_helper:
            found.append("helper.table")
        return found

    def key(self) -> str:
        return repr(self.rng.choice("abc"))

    def num(self, scope: Scope, depth: int = 0) -> str:
        """A number, read from anywhere."""
        rng = self.rng
        options: list[Callable[[], str]] = [lambda: str(rng.randint(0, 9))]
        n, xs, d, thing = (self.pick(k, scope) for k in ("num", "nums", "map", "obj"))
        rows, table, g, f = (self.pick(k, scope) for k in ("rows", "lists", "gen", "step"))
        if n:
            options += [lambda: n] * 3
        if xs:
            options += [
                lambda: f"len({xs})",
                lambda: f"sum({xs})",
                lambda: f"({xs} or [0])[{rng.choice((0, -1, 1))} % max(1, len({xs}))]",
                lambda: f"max({xs}, default=0)",
                lambda: f"({rng.randint(0, 5)} in {xs})",
                lambda: f"len(str({xs}))",
                lambda: f"sum(map(scaled, {xs}))",
                lambda: f"len(sorted({xs}, reverse=True)[:1])",
                lambda: f"[*{xs}, 4].index(4)",
            ]
        if d:
            options += [
                lambda: f"{d}.get({self.key()}, 0)",
                lambda: f"sum({d}.values())",
                lambda: f"len({d})",
                lambda: f"len({d}.items())",
                lambda: f"max({d}.values(), default=1)",
                lambda: f"len(f'{{{d}}}')",
                lambda: f"int({self.key()} in {d}.keys())",
            ]
        if rows:
            options += [
                lambda: f"sum(map(len, {rows}))",
                lambda: f"sum(x for r in {rows} for x in r)",
                lambda: f"sum(map(sum, {rows}))",
                lambda: f"len(max({rows}, default=()))",
                lambda: f"(len(sorted({rows})[0]) if {rows} else 0)",
                lambda: f"len(sum({rows}, []))",
                lambda: f"int(any({rows}))",
                lambda: f"int({rows} == [[1]])",
                lambda: f"len(list(zip(*{rows})))",
            ]
        if table:
            options.append(lambda: f"len({table}.get({self.key()}, ()))")
        if thing:
            options += [
                lambda: f"{thing}.n",
                lambda: f"{thing}.size",
                lambda: f"{thing}.bump({rng.randint(1, 3)})",
                lambda: f"{thing}[{rng.randint(0, 3)}]",
                lambda: "Base.made",
                lambda: f"getattr({thing}, 'n')",
                lambda: f"{thing}.limit",
                lambda: f"Child.limit + {thing}.n",
                lambda: f"len(vars({thing}))",
                lambda: f"min([{thing}, {thing}], key=lambda o: o.n).n",
                lambda: f"(5 if {thing} else 6)",
            ]
        if g:
            options += [lambda: f"next({g}, 0)"] * 2
        if f:
            options += [lambda: f"{f}()"] * 2
        if self.uses_helper:
            options += [
                lambda: f"helper.push({rng.randint(0, 9)})",
                lambda: "helper.count",
                lambda: "len(helper.items)",
            ]
        pure = [name for name, kind in self.functions if kind == "num"]
        if pure and scope.depth < 3:
            options.append(lambda: f"{rng.choice(pure)}({xs or '[]'}, {rng.randint(0, 4)})")
        if self.uses_random:
            options.append(lambda: f"random.randint(0, {rng.randint(1, 9)})")
        if depth < 2:
            options.append(
                lambda: (
                    f"({self.num(scope, depth + 1)} {rng.choice('+-*')}"
                    f" {self.num(scope, depth + 1)}) % 101"
                )
            )
            options.append(
                lambda: (
                    f"({self.num(scope, depth + 1)} if {self.test(scope)}"
                    f" else {self.num(scope, depth + 1)})"
                )
            )
        return rng.choice(options)()

    def test(self, scope: Scope) -> str:
        """A condition."""
        rng = self.rng
        xs, thing = self.pick("nums", scope), self.pick("obj", scope)
        options = [
            f"{self.num(scope, 2)} {rng.choice(['<', '>', '==', '>=', '!='])} {rng.randint(0, 9)}",
            f"{self.num(scope, 2)} % 2",
        ]
        if xs:
            options += [
                f"{xs}",
                f"not {xs}",
                f"len({xs}) > {rng.randint(1, 4)} and {self.num(scope, 2)} > 3",
                f"(w := len({xs})) > 2",
            ]
        if thing:
            options.append(f"{thing}.child is None or {thing}.child.n > 3")
        return rng.choice(options)

    def fresh(self, kind: str, scope: Scope) -> str:
        """An expression that makes a new object."""
        rng = self.rng
        xs, rows, d = (self.pick(k, scope) for k in ("nums", "rows", "map"))
        numbers = lambda: ", ".join(self.num(scope, 2) for _ in range(rng.randint(1, 3)))  # noqa: E731
        match kind:
            case "num":
                return self.num(scope)
            case "text":
                return rng.choice(
                    [
                        f"str({self.num(scope)})",
                        f'f"<{{{self.plain_num(scope)}}}>"',
                        f"'-'.join(map(str, {xs or '[]'}))",
                    ]
                )
            case "nums":
                made = [
                    f"[{numbers()}]",
                    f"[x + 1 for x in {xs or '(1, 2)'}]",
                    f"list({xs or '()'})",
                    f"sorted({xs or '()'})",
                    f"{xs or '[]'}[1:]",
                    f"[y for x in {rows or '[[1]]'} for y in x]",
                    f"({xs or '[]'} + [{rng.randint(0, 9)}])[-6:]",
                    f"list(map(lambda x: x * 2 % 97, {xs or '()'}))",
                ]
                if self.uses_helper:
                    made.append(f"helper.fresh({rng.randint(0, 9)})")
                return rng.choice(made)
            case "rows":
                inner = self.value("nums", scope) if xs else "[1]"
                return rng.choice(
                    [
                        f"[{inner}, {self.fresh('nums', scope)}]",
                        f"[{inner}] * 2",
                        f"[[x] for x in {xs or '(1,)'}]",
                        f"[r[:] for r in {rows or '[[2]]'}]",
                        f"list({rows or '[[3]]'})",
                    ]
                )
            case "map":
                return rng.choice(
                    [
                        f"{{{self.key()}: {self.num(scope)}}}",
                        f"dict({d or '{}'})",
                        f"{{k: v + 1 for k, v in {d or '{}'}.items()}}",
                        f"{{'a': {self.num(scope)}, 'b': {self.num(scope)}}}",
                    ]
                )
            case "lists":
                first = f"{self.key()}: {self.value('nums', scope) if xs else '[]'}"
                return f"{{{first}, {self.key()}: []}}"
            case "obj":
                items = self.value("nums", scope) if xs else "[1]"
                cls = rng.choice(["Base", "Child"])
                return rng.choice(
                    [f"{cls}({self.num(scope)})", f"{cls}({self.num(scope)}, {items})"]
                )
            case "gen":
                source = f"{xs or '[1, 2, 3]'}"
                made = [
                    f"iter({source})",
                    f"(x * {self.plain_num(scope)} % 97 for x in {source})",
                    f"map(abs, {source})",
                ]
                made += [f"{name}({rng.randint(1, 4)})" for name in self.generators]
                return rng.choice(made)
            case "step":
                return (
                    f"{rng.choice(self.factories)}({self.value('nums', scope) if xs else '[]'})"
                    if self.factories
                    else f"(lambda: {self.plain_num(scope)})"
                )
            case "bag":
                return rng.choice([f"set({xs or '()'})", f"{{{numbers()}}}"])
        raise AssertionError(kind)

    def plain_num(self, scope: Scope) -> str:
        return self.pick("num", scope) or str(self.rng.randint(1, 5))

    # -- statements ---------------------------------------------------------------------------

    def statement(self, scope: Scope) -> list[str]:
        """One statement, simple or compound."""
        if scope.depth < 3 and self.rng.random() < 0.3:
            return self.compound(scope)
        for _ in range(20):
            made = self.simple(scope)
            if made:
                self.size -= 1
                return made
        return ["pass"]

    def simple(self, scope: Scope) -> list[str]:
        """Bind, change, consume, print or delete something; empty when there is nothing to do it
        to.
        """
        rng = self.rng
        roll = rng.random()
        if roll < 0.28:
            kinds = [k for k in KINDS if k != "obj" or self.uses_class]
            self.size += 1
            return self.bind(rng.choice(kinds), scope)
        if roll < 0.80:
            return self.mutation(scope)
        if roll < 0.86:
            return [f"print({self.num(scope)})"]
        if roll < 0.90:
            n = self.pick("num", scope)
            return (
                [f"{n} {rng.choice(['+', '-', '*'])}= {self.num(scope)}", f"{n} %= 997"]
                if n
                else []
            )
        if roll < 0.93:
            a, b = self.pick("nums", scope), self.pick("nums", scope)
            if a and b and a.isidentifier() and b.isidentifier():
                return rng.choice(
                    [
                        [f"{a}, {b} = {b}, {a}"],
                        [f"{a}, *_ = {b}, 0"],
                        [f"{a} = {b} = {self.value('nums', scope)}"],
                    ]
                )
            return []
        if roll < 0.95 and self.uses_files:
            name = rng.choice(["one.txt", "two.txt"])
            return rng.choice(
                [
                    [
                        f"with open({name!r}, {rng.choice('wa')!r}) as out:",
                        f"    out.write(str({self.num(scope)}) + '\\n')",
                    ],
                    [
                        f"with open({name!r}, 'a+') as out:",
                        "    out.seek(0)",
                        f"    {self.target('num', scope)} = len(out.read())",
                    ],
                ]
            )
        if roll < 0.97 and not scope.function and scope.depth == 0:
            names = scope.names["num"]
            if len(names) > 2:
                name = rng.choice(names)
                return [f"del {name}", f"{name} = {rng.randint(0, 9)}"]
        if roll < 0.985 and not scope.function:
            n = self.pick("num", scope)
            return [f"globals()[{n!r}] = {self.num(scope)}"] if n else []
        if scope.loop:
            return [f"if {self.test(scope)}:", f"    {rng.choice(['break', 'continue'])}"]
        return []

    def target(self, kind: str, scope: Scope) -> str:
        name = self.new_name(kind, scope)
        if name not in scope.names[kind]:
            scope.names[kind].append(name)
        return name

    def mutation(self, scope: Scope) -> list[str]:
        """Change an object through one of its names."""
        rng = self.rng
        kind = rng.choice(
            ["nums"] * 4
            + ["rows", "map", "lists", "obj", "obj", "gen", "bag", "call", "call", "helper"]
        )
        number = self.num(scope)
        if kind == "nums":
            paths = self.paths("nums", scope)
            if not paths:
                return []
            xs = rng.choice(paths)
            plain = xs.isidentifier()
            made = [
                f"{xs}.append({number})",
                f"{xs}.extend([{number}, 1])",
                f"{xs}.sort()",
                f"{xs}.reverse()",
                f"{xs}.insert(0, {number})",
                f"{xs}[:2] = [{number}]",
                f"heapq.heappush({xs}, {number})",
                f"{xs}.clear()",
                f"del {xs}[2:]",
                f"[{xs}.append(x) for x in range(2)]",
                f"list(map({xs}.append, [{number}, 2]))",
                f"{xs}.sort(key=lambda x: -x)",
                f"{xs}.remove({number}) if {number} in {xs} else None",
                f"list.append({xs}, {number})",
                f"operator.iadd({xs}, [{number}])",
                f"bisect.insort({xs}, {number})",
            ]
            if plain:
                made += [
                    f"{xs} += [{number}]",
                    f"{xs} = {xs} + [{number}]",
                    f"{xs} *= 1",
                    f"if len({xs}) > 1: {xs}.pop()",
                    f"if {xs}: {xs}[0] += {number}",
                    f"if {xs}: {xs}[-1] = {number}",
                ]
            return [rng.choice(made)]
        name = self.pick(kind, scope) if kind in KINDS else None
        if kind == "rows" and name:
            return [
                rng.choice(
                    [
                        f"{name}.append({self.value('nums', scope)})",
                        f"{name}[0].append({number})",
                        f"{name}[-1] = {self.value('nums', scope)}",
                        f"{name}[0] += [{number}]",
                        f"for r in {name}: r.append({rng.randint(0, 9)})",
                        f"{name}.sort(key=len)",
                        f"list(map(list.pop, filter(None, {name})))",
                        f"[r.extend((1, 2)) for r in {name} if len(r) < 2]",
                        f"{name} = [[{number}], *{name}]",
                        f"{name}.reverse()",
                    ]
                )
            ]
        if kind == "map" and name:
            return [
                rng.choice(
                    [
                        f"{name}[{self.key()}] = {number}",
                        f"{name}.update({self.key()[1]}={number})",
                        f"{name}.pop({self.key()}, None)",
                        f"{name}[{self.key()}] = {name}.get({self.key()}, 0) + 1",
                        f"{name} |= {{{self.key()}: {number}}}",
                        f"{name}.setdefault({self.key()}, {number})",
                        f"dict.update({name}, {{{self.key()}: {number}}})",
                        f"{name}.popitem() if len({name}) > 1 else None",
                        f"for k in list({name}.keys()): {name}[k] += 1",
                    ]
                )
            ]
        if kind == "lists" and name:
            return [
                rng.choice(
                    [
                        f"{name}.setdefault({self.key()}, []).append({number})",
                        f"{name}[{self.key()}] = {self.value('nums', scope)}",
                        f"for v in {name}.values(): v.append({rng.randint(0, 9)})",
                    ]
                )
            ]
        if kind == "obj" and name:
            return [
                rng.choice(
                    [
                        f"{name}.add({number})",
                        f"{name}.n = {number}",
                        f"{name}.n += {number}",
                        f"{name}.items = {self.value('nums', scope)}",
                        f"{name}.items.append({number})",
                        f"{name}.child = {self.pick('obj', scope)}",
                        f"setattr({name}, 'n', {number})",
                        f"{name} += {rng.randint(1, 5)}",
                        f"{name}[{rng.randint(0, 3)}] = {number}",
                        f"{name}.bump()",
                        f"{name}.__dict__['n'] = {number}",
                        f"Base.made += {rng.randint(1, 3)}",
                        f"Base.limit = {number}",
                        f"Child.limit += {rng.randint(1, 3)}",
                        f"{name}.limit = {number}",
                        f"vars({name}).pop('limit', None)",
                        f"setattr(Base, 'limit', {number})",
                        f"for o in ({name}, {name}): o.n -= 1",
                        f"{name}.items, {name}.n = {name}.items[::-1], {number}",
                    ]
                )
            ]
        if kind == "gen" and name:
            xs = self.target("nums", scope)
            return rng.choice(
                [
                    [f"next({name}, None)"],
                    [f"{xs} = list({name})[:6]"],
                    [f"{rng.randint(0, 5)} in {name}"],
                    [f"{xs} = [x for x, _ in zip({name}, 'ab')]"],
                ]
            )
        if kind == "bag" and name:
            return [
                rng.choice(
                    [
                        f"{name}.add({number})",
                        f"{name}.discard({number})",
                        f"{name} |= {{{number}}}",
                        f"{name} = {name} | {{{number}}}",
                    ]
                )
            ]
        if kind == "call" and self.functions and scope.depth < 3:
            function, _ = rng.choice(self.functions)
            result = f"{self.target('num', scope)} = " if rng.random() < 0.4 else ""
            return [f"{result}{function}({self.value('nums', scope)}, {rng.randint(0, 4)})"]
        if kind == "helper" and self.uses_helper:
            return [
                rng.choice(
                    [
                        f"helper.push({number})",
                        f"helper.scale({self.value('nums', scope)})",
                        f"helper.count = {number}",
                        f"helper.table[{self.key()}] = {number}",
                        "helper.items = []",
                        f"helper.items.append({number})",
                    ]
                )
            ]
        return []

    def block(self, scope: Scope, most: int = 3) -> list[str]:
        """An indented block."""
        lines: list[str] = []
        for _ in range(self.rng.randint(1, most)):
            lines += self.statement(scope)
        return ["    " + line for line in lines]

    def compound(self, scope: Scope) -> list[str]:
        """A statement with blocks."""
        rng = self.rng
        self.size -= 1
        inner, looped = scope.inner(), scope.inner(loop=True)
        xs = self.pick("nums", scope) or "(1, 2)"
        number = self.target("num", inner)
        looped.names["num"].append(number)
        kind = rng.choice(
            ["if", "if", "for", "for", "while", "try", "try", "with", "match", "drain"]
        )
        if kind == "if":
            lines = [f"if {self.test(scope)}:", *self.block(scope.inner())]
            if rng.random() < 0.3:
                lines += [f"elif {self.test(scope)}:", *self.block(scope.inner())]
            return lines + (["else:", *self.block(scope.inner())] if rng.random() < 0.5 else [])
        if kind == "for":
            head = rng.choice(
                [
                    f"for {number} in range({rng.randint(1, 4)}):",
                    f"for {number} in list({xs})[:4]:",
                    f"for {number}, _ in zip({xs}, range(4)):",
                    f"for _, {number} in enumerate({xs}[:3]):",
                ]
            )
            lines = [head, *self.block(looped)]
            return lines + (["else:", *self.block(scope.inner(), 1)] if rng.random() < 0.2 else [])
        if kind == "while":
            self.made += 1
            turn = f"turn{self.made}"
            return [
                f"{turn} = 0",
                f"while {turn} < {rng.randint(1, 4)}:",
                f"    {turn} += 1",
                *self.block(looped),
            ]
        if kind == "drain" and (g := self.pick("gen", scope)):
            return [
                f"for {number} in {g}:",
                *self.block(looped, 2),
                f"    if {number} > {rng.randint(0, 6)}:",
                "        break",
            ]
        if kind == "with":
            if self.managers and rng.random() < 0.4:
                return [
                    f"with {rng.choice(self.managers)}({self.value('nums', scope)}) as {number}:",
                    *self.block(inner),
                ]
            thing = self.pick("obj", scope)
            if thing and rng.random() < 0.6:
                name = self.target("nums", inner)
                return [
                    f"with {thing} as {name}:",
                    *self.block(inner),
                    *([f"    {{}}['missing {rng.randint(0, 9)}']"] if rng.random() < 0.3 else []),
                ]
            return [
                "with suppress(LookupError, ValueError):",
                *self.block(scope.inner()),
                f"    {self.trouble(scope)}",
                *self.block(scope.inner(), 1),
            ]
        if kind == "match":
            return [
                f"match {rng.choice([xs, f'({self.num(scope)}, {self.num(scope)})'])}:",
                f"    case [{number}, *_] if {number} > {rng.randint(0, 5)}:",
                *indent(self.block(inner)),
                "    case [_, last]:",
                *indent(self.block(scope.inner())),
                "    case _:",
                *indent(self.block(scope.inner())),
            ]
        lines = ["try:", *self.block(scope.inner())]
        if rng.random() < 0.7:
            lines.append(f"    {self.trouble(scope)}")
        caught = ["LookupError", "(ValueError, LookupError)", "ZeroDivisionError", "Exception"]
        lines += [
            f"except {rng.choice(caught)} as error:",
            *self.block(scope.inner(), 2),
        ]
        if lines[-1].startswith("except"):
            lines.append("    pass")
        if rng.random() < 0.3:
            lines += ["else:", *self.block(scope.inner(), 1)]
        if rng.random() < 0.3:
            lines += ["finally:", *self.block(scope.inner(), 1)]
        return self.guarded(lines, scope)

    def guarded(self, lines: list[str], scope: Scope) -> list[str]:
        """Mostly keep a `try` whose handler may not fit from ending the whole program."""
        if scope.depth or self.rng.random() < 0.1:
            return lines
        return ["with suppress(Exception):", *indent(lines)]

    def trouble(self, scope: Scope) -> str:
        """A statement that raises, sometimes."""
        xs, d = self.pick("nums", scope) or "[]", self.pick("map", scope) or "{}"
        return self.rng.choice(
            [
                f"{xs}[{self.rng.choice((1, 4, 99))}]",
                f"{d}[{self.key()}]",
                f"1 / ({self.num(scope, 2)} % 2)",
                f"int('{self.rng.choice('7x')}')",
                f"assert {self.test(scope)}",
                f"if {self.test(scope)}: raise ValueError({self.num(scope, 2)})",
                f"{xs}.index({self.num(scope, 2)})",
            ]
        )

    # -- definitions --------------------------------------------------------------------------

    def definition(self, scope: Scope) -> list[str]:
        """A function, generator function, closure factory or context manager."""
        self.made += 1
        number = self.made
        kind = self.rng.choice(
            ["function", "function", "function", "generator", "factory", "manager", "recursive"]
        )
        lines = getattr(self, f"define_{kind}")(f"{kind}{number}", scope)
        self.size -= 2
        return lines

    def inside(self, scope: Scope, **own: list[str]) -> Scope:
        """A function's scope: its own names, and globals to read."""
        inner = scope.inner(function=True, loop=False, depth=1)
        inner.names = {
            kind: [n for n in names if n.isidentifier()] for kind, names in scope.names.items()
        }
        shadow = Scope({kind: [] for kind in KINDS}, function=True, depth=1)
        for kind in KINDS:
            shadow.names[kind] = own.get(kind, [])
        # Reads of globals go through names that the function never binds: containers and
        # objects only.
        for kind in ("nums", "map", "obj", "rows"):
            readable = [f"{name}" for name in inner.names[kind][-2:]]
            if readable and self.rng.random() < 0.6:
                self.rng.shuffle(readable)
                shadow.names[kind] = [f"({name})" for name in readable] + shadow.names[kind]
        return shadow

    def define_function(self, name: str, scope: Scope) -> list[str]:
        inner = self.inside(scope, nums=["xs"], num=["k"])
        declared = []
        if scope.names["num"] and self.rng.random() < 0.5:
            written = self.rng.choice(scope.names["num"])
            declared = [f"    global {written}", f"    {written} = ({written} + k) % 97"]
        if self.rng.random() < 0.3:
            default = ["kept=[]"]
            declared.append("    kept.append(k)")
        else:
            default = []
        body = self.block(inner, 4)
        early = (
            ["    if k > 3:", f"        return {self.num(inner, 2)}"]
            if self.rng.random() < 0.3
            else []
        )
        lines = [
            f"def {name}({', '.join(['xs', 'k=1', *default])}):",
            *declared,
            *early,
            *body,
            f"    return {self.num(inner, 1)}",
        ]
        self.functions.append((name, "num"))
        return lines

    def define_recursive(self, name: str, scope: Scope) -> list[str]:
        inner = self.inside(scope, nums=["xs"], num=["k"])
        lines = [
            f"def {name}(xs, k=2):",
            "    if k <= 0 or len(xs) > 12:",
            f"        return {self.num(inner, 2)}",
            *self.block(inner, 2),
            f"    return {name}({self.rng.choice(['xs', 'xs[1:]', 'xs + [k]'])},"
            " min(k, 4) - 1) + 1",
        ]
        self.functions.append((name, "num"))
        return lines

    def define_generator(self, name: str, scope: Scope) -> list[str]:
        inner = self.inside(scope, num=["i", "n"])
        lines = [
            f"def {name}(n):",
            "    for i in range(n):",
            *indent(self.block(inner, 2)),
            f"        yield {self.num(inner, 2)}",
        ]
        if self.rng.random() < 0.4:
            lines = [
                lines[0],
                "    try:",
                *indent(lines[1:]),
                "    finally:",
                *indent(self.block(inner, 1)),
            ]
        if self.rng.random() < 0.3 and self.generators:
            lines.append(f"    yield from {self.rng.choice(self.generators)}(2)")
        self.generators.append(name)
        return lines

    def define_factory(self, name: str, scope: Scope) -> list[str]:
        inner = self.inside(scope, nums=["xs"], num=["total"])
        lines = [
            f"def {name}(xs):",
            "    total = 0",
            "    def step(by=1):",
            "        nonlocal total",
            "        total = (total + by) % 97",
            *indent(self.block(inner, 2)),
            f"        return {self.rng.choice(['total', 'len(xs)', 'total + sum(xs)'])}",
            "    return step",
        ]
        self.factories.append(name)
        return lines

    def define_manager(self, name: str, scope: Scope) -> list[str]:
        inner = self.inside(scope, nums=["xs"], num=["n"])
        self.managers.append(name)
        return [
            "@contextmanager",
            f"def {name}(xs):",
            "    n = len(xs)",
            "    try:",
            *indent(self.block(inner, 1)),
            f"        yield {self.num(inner, 2)}",
            f"    except {self.rng.choice(['LookupError', 'ValueError'])}:",
            *indent(self.block(inner, 1)),
            "    finally:",
            "        xs.append(n)",
        ]


def indent(lines: list[str]) -> list[str]:
    """One level deeper."""
    return ["    " + line for line in lines]


def generate(seed: int, size: int | None = None) -> tuple[str, dict[str, str]]:
    """Return the text of a seed's program and the files beside it."""
    return Generator(seed, size).program()


if __name__ == "__main__":
    print(generate(int(sys.argv[1]))[0])
