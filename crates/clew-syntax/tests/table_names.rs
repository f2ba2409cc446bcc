//! Which names each statement uses and defines, and in which scope.
//!
//! A statement is shown as `uses -> definitions`. A name of the module is bare, another carries the number of its
//! scope (`x.1`); `~x` is read later; `x?` may be bound, `x+` is augmented, `x-` deleted, `x:` declared.

use clew_syntax::table_of;
use clew_trace::{DefineKind, NameId, ScopeId, SourceTable};

fn check(source: &str, expected: &[&str]) {
    let table = table_of(source).unwrap_or_else(|problem| panic!("{problem}\n{source}"));
    let shown: Vec<String> = (0..table.statements.len()).map(|nth| show(&table, nth)).collect();
    assert_eq!(shown, expected, "\n{source}");
}

fn show(table: &SourceTable, nth: usize) -> String {
    let statement = &table.statements[nth];
    let name = |name: NameId, scope: ScopeId| match scope {
        ScopeId(0) => table.name(name).to_owned(),
        ScopeId(scope) => format!("{}.{scope}", table.name(name)),
    };
    let uses: Vec<String> = (statement.uses.iter())
        .map(|site| format!("{}{}", if site.delayed { "~" } else { "" }, name(site.name, site.scope)))
        .collect();
    let defines: Vec<String> = (statement.defines.iter())
        .map(|site| {
            let suffix = match site.kind {
                DefineKind::Bind => "",
                DefineKind::Augment => "+",
                DefineKind::Delete => "-",
                DefineKind::Maybe => "?",
                DefineKind::Declare => ":",
            };
            name(site.name, site.scope) + suffix
        })
        .collect();
    format!("{} -> {}", uses.join(" "), defines.join(" ")).trim().to_owned()
}

#[test]
fn assignments() {
    check("x = y + z", &["y z -> x"]);
    check("x = y = z", &["z -> x y"]);
    check("a, (b, *c) = d", &["d -> a b c"]);
    check("a.b = c[d] = e", &["e a c d ->"]);
    check("x += y", &["x y -> x+"]);
    check("a[i] += y", &["a i y ->"]);
    check("x: int = y", &["y int -> x"]);
    check("x: int", &["int -> x:"]);
    check("(x): int", &["int ->"]);
    check("a.x: int = y", &["y a int ->"]);
    check("del x, a[i], b.c", &["x a i b -> x-"]);
    check("print(x, end=y, *a, **b)", &["print x a y b ->"]);
    check("f'{a:{b}}' f'{c!r}' 'd'", &["a b c ->"]);
}

#[test]
fn imports() {
    check("import a.b, c.d as e", &["-> a e"]);
    check("from .a import b, c as d", &["-> b d"]);
    check("from a import *\nb", &["->", "b ->"]);
}

#[test]
fn walrus_and_what_is_not_always_evaluated() {
    check("(x := y)", &["y -> x"]);
    check("if (m := f()) and m.x: m", &["f -> m", "m ->"]);
    check("a and (x := b)", &["a b -> x?"]);
    check("a and (x := b) and x", &["a b -> x?"]);
    check("(a and (x := b)) or x", &["a b x -> x?"]);
    check("(x := a) if b else x", &["b a x -> x?"]);
    check("x if (x := b) else x", &["b -> x"]);
    check("a < b < (x := c)", &["a b c -> x?"]);
    check("assert (x := a), (y := x)", &["a -> x y?"]);
    check("[y for x in a if (y := x)]", &["a -> y?"]);
    check("(y := x for x in a)", &["a -> y?"]);
    check("def f():\n    return [y := x for x in (z := a)], y, z", &["-> f", "a y.1 -> z.1 y.1?"]);
    check("lambda: (x := a) + x", &["~a ->"]);
    check("with (a := b) as c, a, c: pass", &["b -> a c", "->"]);
}

#[test]
fn comprehensions_and_lambdas() {
    check("x = [x for x in x if x]", &["x -> x"]);
    check("{k: v + w for k, v in d for w in k}", &["d ->"]);
    check("(x + y for x in a for z in b)", &["a ~b ~y ->"]);
    check("lambda a, *b, c=d: a + b + c + e", &["d ~e ->"]);
    check("[lambda: i + n for i in a]", &["a ~n ->"]);
    check("[0 for a.b in c]", &["c a ->"]);
    check("def f(a):\n    g = lambda: a\n    h = (a for _ in a)", &["-> f", "~a.1 -> g.1", "a.1 ~a.1 -> h.1"]);
}

#[test]
fn compound_statements() {
    check("for i, a[i] in b: c\nelse: d", &["b a -> i", "c ->", "d ->"]);
    check("while x: y", &["x ->", "y ->"]);
    check("if a: b\nelif c: d\nelse: e", &["a ->", "b ->", "c ->", "d ->", "e ->"]);
    check("with a as b, c as (d, e.f): g", &["a c e -> b d", "g ->"]);
    check("try: a\nexcept B as e: c\nexcept (D, E): f", &["B D E -> e? e-", "a ->", "c ->", "f ->"]);
    check("try: a\nexcept* B as e: e", &["B -> e? e-", "a ->", "e ->"]);
    check(
        "match a:\n case [x, *r] if x > y: x\n case {'k': v, **s}: v\n case C(p, q=D.e) | D.f: p\n case _: z",
        &["a y C D -> x? r? v? s? p?", "x ->", "v ->", "p ->", "z ->"],
    );
}

#[test]
fn functions() {
    check("def f(a, b=c, *d, e: g = h, **i) -> j: a + k", &["c h g j -> f", "a.1 k ->"]);
    check("@d(x)\ndef f(): pass", &["d x -> f", "->"]);
    check("def f():\n    x = y\n    y = x", &["-> f", "y.1 -> x.1", "x.1 -> y.1"]);
    check("def f():\n    global x\n    x = y", &["-> f", "->", "y -> x"]);
    check("def f():\n    x: T = y\n    z: T", &["-> f", "y -> x.1", "-> z.1:"]);
    check("async def f():\n    async for x in y: await x", &["-> f", "y -> x.1", "x.1 ->"]);
}

#[test]
fn captured_variables() {
    check(
        "def f(a, b):\n    def g(c=b): return a, c, h\n    return g",
        &["-> f", "b.1 ~a.1 -> g.1", "a.1 c.2 h ->", "g.1 ->"],
    );
    check(
        "def f():\n    x = 0\n    def g():\n        def h():\n            nonlocal x\n            x += 1",
        &["-> f", "-> x.1", "~x.1 -> g.1", "~x.1 -> h.2", "->", "x.1 -> x.1+"],
    );
    check(
        "def f(a, b):\n    class C(b):\n        x = a\n        def m(self): return b, x",
        &["-> f", "b.1 a.1 ~b.1 -> C.1", "a.1 -> x.2", "~b.1 -> m.2", "b.1 x ->"],
    );
    check(
        "def f(x):\n    def g():\n        global x\n        def h(): return x",
        &["-> f", "-> g.1", "->", "-> h.2", "x ->"],
    );
}

#[test]
fn classes() {
    check("class C(A, metaclass=M):\n    a = b\n    c = a", &["A M -> C", "b -> a.1", "a.1 -> c.1"]);
    // Until its own name is bound for certain, a class body reads the module's.
    check("class C:\n    x = x\n    y = x", &["-> C", "x.1 x -> x.1", "x.1 -> y.1"]);
    check("class C:\n    if a: x = 1\n    y = x", &["-> C", "a ->", "-> x.1", "x.1 x -> y.1"]);
    check("class C:\n    x = 1\n    del x\n    x", &["-> C", "-> x.1", "x.1 -> x.1-", "x.1 x ->"]);
    // Nothing nested in the class sees its names, but for the first iterable of a comprehension.
    check(
        "class C:\n    x = 1\n    y = [x for _ in x]\n    f = lambda: x",
        &["-> C", "-> x.1", "x.1 x -> y.1", "~x -> f.1"],
    );
    check("class C:\n    def f(self): return __class__, super()", &["-> C", "-> f.1", "super ->"]);
    check("def __class__(): return __class__", &["-> __class__", "__class__ ->"]);
}

#[test]
fn private_names() {
    check(
        "class _C:\n    __x = __y\n    def __f(__a): __a, __z__, __",
        &["-> _C", "_C__y -> _C__x.1", "-> _C__f.1", "_C__a.2 __z__ __ ->"],
    );
    check("class __:\n    __x = 1", &["-> __", "-> __x.1"]);
    check("class A:\n    class B:\n        __x = 1\n    import __m.n", &["-> A", "-> B.1", "-> _B__x.2", "-> _A__m.1"]);
}

#[test]
fn type_parameters() {
    check("def f[T: B = D](a: T = e) -> T: T, a", &["e ~B ~D -> f", "a.2 ->"]);
    check("class C[T](A[T]):\n    x: T\n    def m(self): T", &["A -> C", "-> x.2:", "-> m.2", "->"]);
    check("type X[T] = list[T, X, y]", &["~list ~X ~y -> X"]);
    check("class C:\n    a = 1\n    def f[T](self, b: a): a", &["-> C", "-> a.1", "a.1 -> f.1", "a ->"]);
}

#[test]
fn lazy_annotations() {
    let future = "from __future__ import annotations\n";
    check(&format!("{future}def f(a: b = c) -> d: pass"), &["-> annotations", "c -> f", "->"]);
    check(&format!("{future}x: y = z"), &["-> annotations", "z -> x"]);
}
