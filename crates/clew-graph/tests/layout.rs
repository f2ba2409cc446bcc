//! The text of slices: comments, blank lines, semicolons, one-line compounds, continued lines.

mod kit;

use kit::run;

#[test]
fn comments_stay_with_their_statements() {
    let source = "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n# About.\n\n# first\n# of all\na = 1  # one\n# dropped\nb = 2\n\n# last\n\nc = a\n";
    run(source)
        .gives("c", "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n\n# first\n# of all\na = 1  # one\n\nc = a\n");
}

#[test]
fn blank_lines_are_squeezed() {
    let source = "a = 1\n\n\n\n\nb = 2\n\n\ndef f():\n    return 1\n\n\nc = a + b\nd = f()\n";
    run(source).gives("c", "a = 1\n\n\nb = 2\n\nc = a + b\n").gives("d", "def f():\n    return 1\n\n\nd = f()\n");
}

#[test]
fn statements_on_one_line() {
    run("a = 1; b = 2; c = 3  # abc\nd = a + c\n")
        .gives("d", "a = 1; c = 3  # abc\nd = a + c\n")
        .gives("b", "b = 2  # abc\n");
    run("a = 1; b = [\n  2,\n]; c = 3\n").gives("b", "b = [\n  2,\n]\n").gives("c", "c = 3\n");
    run("a = 1; \\\nb = 2\n").gives("b", "b = 2\n");
    run("a = 1;\nb = 2 ;  # x\n").gives("a", "a = 1;\n").gives("b", "b = 2 ;  # x\n");
}

#[test]
fn one_line_compounds() {
    run("x = 1\nif x: a = 1; b = 2  # c\ny = b\n").gives("y", "x = 1\nif x: b = 2  # c\ny = b\n");
    run("x = 1\nif x: a = 1\nelse: a = 2; b = 3\n").not_run(&[2]).gives("x", "x = 1\n");
    run("for i in range(3): print(i)\n").gives("i", "for i in range(3): pass\n");
    run("def f(x): print(x); return x + 1\ny = f(1)\n").gives("y", "def f(x): return x + 1\ny = f(1)\n");
    run("class A: pass\na = A()\n").gives("a", "class A: pass\na = A()\n");
    run("while True: break\nelse: x = 1\ntry: y = 1\nexcept ValueError: y = 2; z = 3\n")
        .gives("z", "try: pass\nexcept ValueError: z = 3\n");
}

#[test]
fn continued_lines_and_decorators() {
    let source = "import functools\nn = 1 + \\\n    2\n\n# cached\n@functools.lru_cache(\n    maxsize=None,\n)\n# really\ndef f(\n    x,\n):  # note\n    # why\n    return x\n\nif n > 2 and \\\n        f(1):\n    # inner\n    y = n\n";
    run(source).gives("y", source);
}

#[test]
fn clauses_keep_their_comments() {
    let source = "try:\n    # body\n    a = int('x')\n# for bad input\nexcept (ValueError,  # no number\n        TypeError):  # nor this\n    print('bad')\n    # trailing\nfinally:  # always\n    b = 1\n";
    run(source).raised(1, 3).gives("b", "try:\n    pass\nfinally:  # always\n    b = 1\n");
    run(source).raised(1, 3).gives(
        ":3",
        "try:\n    # body\n    a = int('x')\n# for bad input\nexcept (ValueError,  # no number\n        TypeError):  # nor this\n    pass\n",
    );
}

#[test]
fn line_ends_and_tabs() {
    run("a = 1\r\nb = 2\r\nif a:\r\n\tc = a\r\n").gives("c", "a = 1\r\nif a:\r\n\tc = a\r\n");
    run("if 1:\n\tx = 1\n\ty = 2").gives("y", "if 1:\n\ty = 2\n");
    run("a = 1\rb = 2\rc = a\r").gives("c", "a = 1\rc = a\r");
}

#[test]
fn strings_with_statements_in_them() {
    let source = "t = '''\nx = 1  # no comment\n\n\nelse:\n'''\ny = t; z = \"; # \"  # real\nw = z\n";
    run(source)
        .gives("w", "z = \"; # \"  # real\nw = z\n")
        .gives("y", "t = '''\nx = 1  # no comment\n\n\nelse:\n'''\ny = t  # real\n");
}

#[test]
fn match_clauses() {
    let source = "v = {'a:b': 1}\nmatch v:\n    # none\n    case {'x:y': q} if (lambda z: z)(q):\n        r = 1\n    # some\n    case {'a:b': q}: r = 2; s = 3\n";
    run(source).not_run(&[5]).gives("r", "v = {'a:b': 1}\nmatch v:\n    # some\n    case {'a:b': q}: r = 2\n");
}

#[test]
fn nested_emptiness() {
    let source = "class A:\n    def f(self):\n        for i in range(3):\n            if i:\n                print(i)\n        return i\n\na = A().f()\n";
    run(source).gives(
        "a",
        "class A:\n    def f(self):\n        for i in range(3):\n            pass\n        return i\n\na = A().f()\n",
    );
}
