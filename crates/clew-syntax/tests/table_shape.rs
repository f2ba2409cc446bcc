//! The statements and scopes of a source: order, kinds, places, and what else is known of each.

use clew_syntax::table_of;
use clew_trace::{NameId, ScopeId, SourceTable, StatementId};

fn table(source: &str) -> SourceTable {
    table_of(source).unwrap_or_else(|problem| panic!("{problem}\n{source}"))
}

fn names(table: &SourceTable, ids: &[NameId]) -> String {
    ids.iter().map(|id| table.name(*id)).collect::<Vec<_>>().join(" ")
}

fn check(source: &str, show: impl Fn(&SourceTable, usize) -> String, expected: &[&str]) {
    let table = table(source);
    let shown: Vec<String> = (0..table.statements.len()).map(|nth| show(&table, nth)).collect();
    assert_eq!(shown, expected, "\n{source}");
}

#[test]
fn tree_of_statements() {
    let show = |table: &SourceTable, nth: usize| {
        let statement = &table.statements[nth];
        let parent = statement.parent.map_or(String::from("-"), |parent| parent.0.to_string());
        let lines = format!("{}-{}", statement.first_line, statement.last_line);
        format!("{parent} {:?} {:?} {lines}", statement.arm, statement.kind)
    };
    check(
        "if a:\n  b\nelif c:\n  d\nelif e:\n  f\nelse:\n  g\n",
        show,
        &[
            "- Body If 1-8",
            "0 Body Expression 2-2",
            "0 Else If 3-8",
            "2 Body Expression 4-4",
            "2 Else If 5-8",
            "4 Body Expression 6-6",
            "4 Else Expression 8-8",
        ],
    );
    check(
        "try: pass\nexcept A: return_\nexcept: 1\nelse: 2\nfinally: 3",
        show,
        &[
            "- Body Try 1-5",
            "0 Body Pass 1-1",
            "0 Handler(0) Expression 2-2",
            "0 Handler(1) Expression 3-3",
            "0 Else Expression 4-4",
            "0 Finally Expression 5-5",
        ],
    );
    check(
        "@d\nclass C:\n  @e\n  async def f(): '''\n  '''; pass\nmatch x:\n  case 1: pass\n  case 2: pass",
        show,
        &[
            "- Body Class 1-5",
            "0 Body Function 3-5",
            "1 Body Expression 4-5",
            "1 Body Pass 5-5",
            "- Body Match 6-8",
            "4 Case(0) Pass 7-7",
            "4 Case(1) Pass 8-8",
        ],
    );
}

#[test]
fn headers_end_after_the_first_clause() {
    let header = |source: &str| {
        let table = table(source);
        let header = table.statements[0].header;
        source[header.start as usize..header.end as usize].to_owned()
    };
    let cases = [
        "if (a # :\n  ) :",
        "while a[b:c]:",
        "for x in a, b,:",
        "async def f(a: b = {1: 2}) -> (c):",
        "def f[T: int](a) \\\n :",
        "@d(lambda: 0)\nclass C(\n  A, # ):\n):",
        "class C:",
        "with (a as b, c as d,):",
        "with a as b[c:d]:",
        "try :",
    ];
    for case in cases {
        assert_eq!(header(&format!("{case} pass{}", tail(case))), case);
    }
    assert_eq!(header("match a,:\n  case b: pass"), "match a,:");
    assert_eq!(header("x = {1: 2}"), "x = {1: 2}");
}

fn tail(case: &str) -> &str {
    if case.starts_with("try") {
        "\nfinally: pass"
    } else {
        ""
    }
}

#[test]
fn scopes_in_text_order() {
    let source = "def f[T](a, *, b=lambda: 0):\n  class C:\n    x = [(y for y in z) for z in {w for w in a}]\n";
    let table = table(source);
    let shown: Vec<String> = (0..)
        .zip(&table.scopes)
        .map(|(nth, scope)| {
            let parent = scope.parent.map_or(String::from("-"), |parent| parent.0.to_string());
            let owner = scope.owner.map_or(String::from("-"), |owner| owner.0.to_string());
            let (locals, parameters) = (names(&table, &scope.locals), names(&table, &scope.parameters));
            let path = table.qualified_name(ScopeId(nth));
            format!("{parent} {owner} {:?} {} [{locals}] ({parameters}) {path}", scope.kind, scope.name)
        })
        .collect();
    assert_eq!(
        shown,
        [
            "- - Module <module> [f] () <module>",
            "0 0 TypeParameters <generic parameters of f> [T] () <generic parameters of f>",
            "1 0 Function f [a b C] (a b) f",
            "0 0 Lambda <lambda> [] () <lambda>",
            "2 1 Class C [x] () f.<locals>.C",
            "4 2 Comprehension <listcomp> [z] () f.<locals>.C.<listcomp>",
            "5 2 Generator <genexpr> [y] () f.<locals>.C.<listcomp>.<locals>.<genexpr>",
            "4 2 Comprehension <setcomp> [w] () f.<locals>.C.<setcomp>",
        ]
    );
    assert_eq!(table.statements[0].opens, Some(ScopeId(2)));
    assert_eq!(table.statements[1].opens, Some(ScopeId(4)));
}

#[test]
fn declarations() {
    let table = table("def f():\n  x = 1\n  def g():\n    global y, z\n    nonlocal x\n    x = y = 1\n");
    let scope = table.scope(ScopeId(2));
    assert_eq!(names(&table, &scope.declared_global), "y z");
    assert_eq!(names(&table, &scope.declared_nonlocal), "x");
    assert_eq!(names(&table, &scope.locals), "");
    assert_eq!(names(&table, &table.scope(ScopeId(0)).locals), "f");
}

#[test]
fn dynamic_names() {
    let dynamic = |source: &str| {
        let table = table(source);
        table.scopes.iter().map(|scope| u8::from(scope.dynamic_names).to_string()).collect::<String>()
    };
    let cases = [
        ("from m import *", "1"),
        ("def f(): locals()", "01"),
        ("def f(): return [eval(x) for x in y]", "011"),
        ("exec(a, b)", "1"),
        ("def f(): return vars(x), dir(x)", "00"),
        ("def f(): return vars()", "01"),
        ("def f(dir): return dir()", "00"),
        ("dir = 1\ndef f(): dir()", "00"),
        ("from builtins import eval\ndef f(): eval(x)", "01"),
    ];
    for (source, expected) in cases {
        assert_eq!(dynamic(source), expected, "{source}");
    }
}

#[test]
fn suspending_scopes() {
    let suspends = |source: &str| {
        let table = table(source);
        table.scopes.iter().map(|scope| u8::from(scope.suspends).to_string()).collect::<String>()
    };
    let cases = [
        ("def f(): yield", "01"),
        ("def f(): lambda: (yield)", "001"),
        ("def f(): return (x for x in y)", "001"),
        ("async def f(): pass", "00"),
        ("async def f(): return [await x for x in y]", "011"),
        ("async def f(): return (x async for x in y)", "001"),
        ("async def f():\n  async with a: pass", "01"),
        ("async def f():\n  async for a in b: pass", "01"),
    ];
    for (source, expected) in cases {
        assert_eq!(suspends(source), expected, "{source}");
    }
}

#[test]
fn mentions() {
    let cases = [
        ("a.b.c(d=e, **f)", "b c d"),
        ("x = {'k': 'not a name', 'é': b'bytes'}", "k é"),
        ("f'{x.a} {\"b\"} c'", "a b"),
        ("class C(metaclass=M): pass", "metaclass"),
        ("x: 'list[T]' = 1", "list T"),
        ("from a import b", ""),
        ("'b'\n", ""),
    ];
    for (source, expected) in cases {
        let table = table(source);
        assert_eq!(names(&table, &table.statements[0].mentions), expected, "{source}");
    }
    let lazy = table("from __future__ import annotations\nx: a.B");
    assert_eq!(names(&lazy, &lazy.statements[1].mentions), "B a");
    let private = table("class C:\n  def f(self): self.__x, self.y(__z=1)");
    assert_eq!(names(&private, &private.statements[2].mentions), "_C__x y __z");
}

#[test]
fn statements_that_may_raise() {
    let raising = [
        "f()",
        "a.b",
        "a[b]",
        "a + b",
        "-a",
        "not a",
        "a < b",
        "f'{a}'",
        "import a",
        "a, b = c",
        "a += 1",
        "x = {a: 1}",
    ];
    let headers =
        ["if a: pass", "while a and b: pass", "for a in b: pass", "with a: pass", "class C: pass", "assert a"];
    for source in raising.iter().chain(&headers) {
        assert!(table(source).statements[0].may_raise, "{source}");
    }
    let calm = [
        "x = y",
        "x = -1",
        "x = a is b",
        "x = lambda: f()",
        "x = [a, (b, 'c')]",
        "x = {'a': b}",
        "a, b = b, a",
        "pass",
        "del x",
        "def f(a=1): g()",
        "try: f()\nexcept A: g()",
        "while True: pass",
        "if a is None: pass",
        "global x",
        "f'a'",
        "type X = f()",
    ];
    for source in calm {
        assert!(!table(source).statements[0].may_raise, "{source}");
    }
}

#[test]
fn docstrings() {
    let table = table("'m'\n'n'\nclass C:\n  '''c'''\ndef f():\n  'f' 'g'\nif x:\n  'i'\ndef g():\n  f'g'");
    let documents = table.statements.iter().map(|statement| u8::from(statement.is_docstring).to_string());
    assert_eq!(documents.collect::<String>(), "1001010000");
}

#[test]
fn lines_end_as_in_python() {
    let table = table("a\rb\r\nc\n\x0cd");
    let lines: Vec<u32> = table.statements.iter().map(|statement| statement.first_line).collect();
    assert_eq!(lines, [1, 2, 3, 4]);
}

#[test]
fn long_chains_and_deep_nesting() {
    let chain = format!("x = {}\n", vec!["a"; 100_000].join(" + "));
    let calls = format!("x = a{}\n", ".b(c)".repeat(100_000));
    let negations = format!("x = {}a\n", "not ".repeat(5_000));
    let branches = format!("if a: pass\n{}", "elif b: pass\n".repeat(5_000));
    for source in [chain, calls, negations, branches] {
        assert!(!table(&source).statement(StatementId(0)).uses.is_empty());
    }
}

#[test]
fn problems_name_their_place() {
    let problem = table_of("x = 1\né = = 2").err().map(|problem| (problem.line, problem.column));
    assert_eq!(problem, Some((2, 5)));
}
