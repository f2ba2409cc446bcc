//! What the rewriter inserts, case by case. Placeholders are shown by the letters of the design.

use clew_syntax::hooks::{Hook, PLACEHOLDER_BASE};
use clew_syntax::rewrite::{instrument, Detail, Instrumented, Options};

fn rewrite(source: &str, options: Options) -> Instrumented {
    let done = instrument(source, &options).expect("the source is valid");
    let mut restored = done.text.clone();
    let mut at = done.edits.iter().rev();
    // Taking the insertions out again gives the original.
    for edit in at.by_ref() {
        let before: usize =
            done.edits.iter().take_while(|other| !std::ptr::eq(*other, edit)).map(|other| other.text.len()).sum();
        let start = edit.at as usize + before;
        assert!(!edit.text.contains(['\n', '\r']));
        assert_eq!(&restored[start..start + edit.text.len()], edit.text);
        restored.replace_range(start..start + edit.text.len(), "");
    }
    // Where calls and operations are logged, operators and brackets are overwritten, without moving anything.
    assert_eq!(restored.len(), source.len());
    assert!(options.detail >= Detail::Call || restored == source);
    done
}

/// The rewritten text with readable hooks.
fn shown(done: &Instrumented) -> String {
    let mut out = String::new();
    let mut rest = done.text.as_str();
    while let Some(start) = rest.find("7205759") {
        let end = start + rest[start..].find('j').expect("placeholders end with j");
        let number: u64 = rest[start..end].parse().expect("placeholders are numbers");
        out.push_str(&rest[..start]);
        out.push_str(&name(&done.hooks[(number - PLACEHOLDER_BASE) as usize], done));
        rest = &rest[end + 1..];
    }
    out + rest
}

fn name(hook: &Hook, done: &Instrumented) -> String {
    let keys = |keys: &[clew_trace::NameId]| keys.iter().map(|key| done.table.name(*key)).collect::<Vec<_>>().join(",");
    match hook {
        Hook::State => "S".into(),
        Hook::Coverage => "K".into(),
        Hook::Entered => "L".into(),
        Hook::Enter => "H".into(),
        Hook::Unit(id) => format!("U{}", id.0),
        Hook::Mark(_) => "M".into(),
        Hook::Read { advances: true, .. } => "Search".into(),
        Hook::See { keys: names, .. } => format!("See<{}>", keys(names)),
        Hook::Write { key, update, .. } => {
            format!("{}<{}>", if *update { "Update" } else { "Write" }, key.map_or("", |key| done.table.name(key)))
        }
        Hook::Method { .. } => "Method".into(),
        Hook::Callee { .. } => "Callee".into(),
        Hook::Rebind { names, .. } => format!("Rebind<{}>", keys(names)),
        Hook::CellRead { names, .. } => format!("CellRead<{}>", keys(names)),
        Hook::CellWrite { name, .. } => format!("CellWrite<{}>", done.table.name(*name)),
        other => format!("{other:?}").split([' ', '(']).next().unwrap_or_default().into(),
    }
}

fn check_with(source: &str, expected: &str, options: Options) {
    assert_eq!(shown(&rewrite(source, options)), expected, "\nfrom:\n{source}");
}

/// The module of an import, whose statements are no units.
fn check(source: &str, expected: &str) {
    check_with(source, expected, Options { is_main: false, detail: Detail::Statement, minor: 12, native_calls: false });
}

/// The body of a function `f(a, b, *c)`, after its entry check and without its indentation.
fn check_body(body: &str, expected: &str) {
    let source = format!("def f(a, b, *c):\n    0\n    {}\n", body.replace('\n', "\n    "));
    let options = Options { is_main: false, detail: Detail::Statement, minor: 12, native_calls: false };
    let text = shown(&rewrite(&source, options));
    let body = text.split_once(";0\n    ").expect("the entry check stands before the first statement").1;
    assert_eq!(body.trim_end().replace("\n    ", "\n"), expected, "\nfrom:\n{source}");
}

#[test]
fn units_are_marked() {
    let main = Options { is_main: true, detail: Detail::Statement, minor: 12, native_calls: false };
    check_with(
        "'doc'\nfrom __future__ import annotations\nx = 1\nif x: y = 2\nelif f: pass\nfor i in x: x = i\n",
        "'doc'\nfrom __future__ import annotations\n\
         S[0]=K[2]=U2;Rebind<x>(0);x = 1\n\
         if ((M(0))and (x)): S[0]=K[4]=U4;y = 2\n\
         elif ((M(0))and (Read(f))): S[0]=K[6]=U6;pass\n\
         for i in ((M(0))and (Iterate(x))): S[0]=K[8]=U8;Rebind<x>(0);x = i\n",
        main,
    );
    check_with(
        "@d(1)\ndef f(x, y=z): pass\nclass A(*b): pass\nwith a as b, c: pass\nwhile t: pass\nmatch m:\n case 1: pass\n",
        "@((M(0))and (Callee(Callee(d)(1))))\ndef f(x, y=z): K[1]=L[1]is S[0]or H(1);pass\n\
         class A(*((M(0))and (Consume(b)))): K[3]=1;pass\n\
         with ((M(0))and (Manager(a))) as b, Manager(c): S[0]=K[5]=U5;pass\n\
         while ((M(0))and (Read(t))): S[0]=K[7]=U7;pass\n\
         match ((M(0))and (Read(m))):\n case 1: S[0]=K[9]=U9;pass\n",
        main,
    );
}

#[test]
fn functions_are_entered() {
    check("def f():\n    'doc'\n    return 1\n", "def f():\n    'doc'\n    K[2]=L[1]is S[0]or H(1);return 1\n");
    check("def f(): 'doc'\n", "def f(): 'doc';K[1]=L[1]is S[0]or H(1)\n");
    check("def f():\n    global x\n    x = 1\n", "def f():\n    global x\n    K[2]=L[1]is S[0]or H(1);x = 1\n");
    check("def f():\n    while True:\n        x\n", "def f():\n    while True:\n        K[2]=L[1]is S[0]or H(1);x\n");
    check(
        "def f():\n    def g(): pass\n    return g\n",
        "def f():\n    def g(): K[2]=L[2]is S[0]or H(2);pass\n    K[3]=L[1]is S[0]or H(1);return g\n",
    );
    check(
        "def f():\n    try:\n        if a: b\n    except E: pass\n",
        "def f():\n    try:\n        if ((L[1]is S[0]or H(1))and (K[2]or M(0))and (Read(a))): K[3]=1;b\n    \
         except E: Handler(0);K[4]=1;pass\n",
    );
    check("lambda: x", "K[0]=1;lambda: ((L[1]is S[0]or H(1))and (x))");
    check(
        "(x for x in y if x)",
        "K[0]=1;(((L[1]is S[0]or H(1))and (x)) for x in Consume(y) if ((L[1]is S[0]or H(1))and (Read(x))))",
    );
}

#[test]
fn statements_after_jumps_are_marked() {
    check_body("if a: return\nx = 1\ny = 2", "if Read(a): K[3]=1;return\nK[4]=1;x = 1\ny = 2");
    check_body("if a: x\ny = 2", "if Read(a): K[3]=1;x\ny = 2");
}

#[test]
fn receivers_are_seen_once() {
    check_body("a.x; a.y; a['z']", "See<x,y,z>(a).x; a.y; a['z']");
    check_body("a.x; a[0]; a.y", "See<>(a).x; a[0]; a.y");
    check_body("a.x.y", "See<y>(See<x>(a).x).y");
    check_body("a.x; a = b; a.x", "See<x>(a).x; a = b; See<x>(a).x");
    check_body("a.x; yield; a.x", "See<x>(a).x; Resume((yield)); See<x>(a).x");
    check_body("a + a.x", "Read(a) + Read(a.x)");
    check_body("a.x = a.y", "Write<x>(a).x = See<y>(a).y");
    check_body("a.x = 1; a.x = 2; del a.y", "Write<x>(a).x = 1; a.x = 2; del Write<y>(See<y>(a)).y");
}

#[test]
fn paths_are_joined() {
    check_body(
        "if a.x: b.x\nelse: b.y\nb.z",
        "if Read(See<x>(a).x): K[3]=1;See<x,z>(b).x\nelse: K[4]=1;See<y,z>(b).y\nb.z",
    );
    check_body("if a.x: b.x\nb.z", "if Read(See<x>(a).x): K[3]=1;See<x>(b).x\nSee<z>(b).z");
    check_body("a.x and b.x; b.y", "Read(See<x>(a).x) and See<x>(b).x; See<y>(b).y");
    check_body(
        "b.x\nfor a in c:\n    a.x, b.y\n    b = a\nb.x",
        "See<x>(b).x\nfor a in Consume(c):\n    K[4]=1;See<x>(a).x, See<y>(b).y\n    b = a\nSee<x>(b).x",
    );
    check_body(
        "try: a.x\nexcept b.E: a.y\nfinally: a.z\na.t",
        "try: K[3]=1;See<x>(a).x\nexcept See<E>(b).E: Handler(0);K[4]=1;See<y>(a).y\nfinally: K[5]=1;See<z,t>(a).z\na.t",
    );
}

#[test]
fn operands_are_read() {
    check_body("a == b", "Read(a) == Read(b)");
    check_body("a is b", "a is b");
    check_body("if not(a).b: return(a)", "if not Read((See<b>(a)).b): K[3]=1;return(a)");
    check_body("a < b < c[0]", "Read(a) < Read(b) < Read(See<>(c)[0])");
    check_body("not a or -b", "not Read(a) or -Read(b)");
    check_body("x = a if b else c", "x = a if Read(b) else c");
    check_body("(a if b else c).x", "(See<x>(a) if Read(b) else See<x>(c)).x");
    check_body("a[b:1, c]", "See<>(a)[Read(b):1, Read(c)]");
    check_body("f'{a} {b!r:>{c}} {a.x=}'", "f'{Read(a)} {Read(b)!r:>{Read(c)}} {a.x=}'");
    check_body("x, y = a", "x, y = Consume(a)");
    check_body("x, *y = a, b", "x, *y = Read(a), Read(b)");
    check_body("a[b] = c", "Write<>(a)[Read(b)] = Read(c)");
    check_body("[x for x in a if x.y]", "[x for x in Consume(a) if Read(See<y>(x).y)]");
    check_body("n = 0; n += len(a); n + 1", "n = 0; n += len(Consume(a)); n + 1");
    check_body("x = a * b; x + x", "x = Read(a) * Read(b); x + x");
}

#[test]
fn augmented_assignments_change_in_place() {
    check_body("a += b", "InPlace(a);a += Search(b)");
    check_body("a.x += b", "Update<x>(a).x += Search(b)");
    check_body("a[b] += 1", "Update<>(a)[ItemKey(Read(b))] += 1");
    check_body("a[b, 1] += 1", "Update<>(a)[ItemKey((Read(b), 1))] += 1");
    check_body("a[:] += b", "Update<>(a)[:] += Search(b)");
    check_body("a[0] += 1", "Update<>(a)[0] += 1");
    check_body("a in b", "Read(a) in Search(b)");
}

#[test]
fn calls_are_hooked() {
    check_body("a(b, *c, **a)", "Callee(a)(b, *Consume(c), **Consume(a))");
    check_body("a.m(b)", "Method(a).m(b)");
    check_body("a.m().n()", "Method(Method(a).m()).n()");
    check_body("a(x for x in b)", "Callee(a)(((L[2]is S[0]or H(2))and (x)) for x in Consume(b))");
    check_body(
        "len(a), sum(b), str(c), isinstance(a, b)",
        "len(Consume(a)), sum(Search(b)), str(Read(c)), isinstance(a, b)",
    );
    check_body("f(a)", "f(a)");
    check_body("super().m(a)", "super().m(a)");
    check_body("', '.join(a)", "', '.join(Consume(a))");
    check_body("x = []; x.append(a); x[0]", "x = []; x.append(a); x[0]");
    check_body("await a", "Resume(await Consume(a))");
    check_body("print(a)", "Callee(print)(a)");
    check(
        "0\n@property\ndef f(): pass\n@d\ndef g(): pass\n",
        "K[0]=1;0\n@property\ndef f(): K[2]=L[1]is S[0]or H(1);pass\n@Callee(d)\ndef g(): K[4]=L[2]is S[0]or H(2);pass\n",
    );
}

#[test]
fn methods_of_the_same_object_are_known() {
    check(
        "class A:\n    def m(self): pass\nclass B(A):\n    def n(self): self.m(); self.x()\n",
        "class A:\n    def m(self): K[2]=L[2]is S[0]or H(2);pass\n\
         class B(((K[3]or M(0))and (A))):\n    \
         def n(self): K[5]=L[4]is S[0]or H(4);See<m>(self).m(); Method(self).x()\n",
    );
    check(
        "class A:\n    def __init__(self, v): self.v = v; v.w = self\n",
        "class A:\n    def __init__(self, v): K[2]=L[2]is S[0]or H(2);self.v = v; Write<w>(v).w = self\n",
    );
}

#[test]
fn cells_that_others_bind_are_watched() {
    check(
        "def f():\n    x = 0\n    def g():\n        nonlocal x\n        x = 1\n    def h(): return x\n",
        "def f():\n    K[1]=L[1]is S[0]or H(1);x = 0\n    def g():\n        nonlocal x\n        \
         K[4]=L[2]is S[0]or H(2);CellWrite<x>(0);x = 1\n    \
         def h(): K[6]=L[3]is S[0]or H(3);CellRead<x>(0);return x\n",
    );
}

#[test]
fn logged_calls_are_all_hooked() {
    let options = Options { is_main: false, detail: Detail::Call, minor: 12, native_calls: false };
    check_with(
        "def f(a): return len(a.b)\nf(1)\nsuper().m(locals())\n",
        "def f(a): K[1]=L[1]is S[0]or H(1);return LoggedCall(len,Consume(See<b>(a).b))\n\
         K[2]=1;LoggedCallee(f)(1)\nLoggedCallee(super().m)(locals())\n",
        options,
    );
}

#[test]
fn calls_of_user_code_are_left_to_the_interpreter() {
    let options = Options { is_main: false, detail: Detail::Call, minor: 12, native_calls: true };
    check_with(
        "def f(a): return g(a)\ndef g(x): return h(x)\ndef h(*x): return list(x)\nf(1); f(*y)\n",
        "def f(a): K[1]=Began(a);return Ended(g(a))\ndef g(x): K[3]=Began(x);return Ended(LoggedCallee(h)(x))\n\
         def h(*x): K[5]=L[3]is S[0]or H(3);return LoggedCall(list,Consume(x))\n\
         K[6]=1;Ended(f(1)); LoggedCallee(f)(*Consume(y))\n",
        options,
    );
    // What may run more than once or not at all when the function is called tells nothing.
    check_with(
        "def f(a):\n    while a: pass\n    yield\n",
        "def f(a):\n    while ((L[1]is S[0]or H(1))and (K[1]or M(0))and (Read(a))): K[2]=1;pass\n    \
         Resume((yield))\n",
        options,
    );
}

fn check_operations(source: &str, expect: &str) {
    let options = Options { is_main: false, detail: Detail::Op, minor: 12, native_calls: false };
    check_with(source, expect, options);
}

#[test]
fn operators_are_overwritten() {
    // Attributes of a variable that nothing else binds are noted with the operation, if nothing comes in between.
    check_operations(
        "def f(o): return o.a < 3\n",
        "def f(o): K[1]=L[1]is S[0]or H(1);return Operate(Read(See<a>(o).a) , 3,o)\n",
    );
    check_operations("x = a + (b)*2\n", "K[0]=1;x = Operate(Read(a) , Operate((Read(b)),2))\n");
    check_operations("x = a not in b\n", "K[0]=1;x = Operate(Read(a) ,      Search(b))\n");
    check_operations("x = - a\n", "K[0]=1;x = Operate(  Read(a))\n");
    check_operations("x = a[b]\n", "K[0]=1;x = Operate(See<>(a),Read(b))\n");
    check_operations("x = a[:b]\n", "K[0]=1;x = Operate(See<>(a),None,Read(b))\n");
}

#[test]
fn attributes_stay_and_are_noted() {
    check_operations("x = a.b\n", "K[0]=1;x = Note(a,See<b>(a).b)\n");
    check_operations("x = f().b\n", "K[0]=1;x = Note(Note(See<b>(Callee(f)())).b)\n");
}

#[test]
fn a_string_that_grows_is_left_to_the_program() {
    check_operations(
        "def f(a, b):\n    a += b\n    a -= 1\n",
        "def f(a, b):\n    K[1]=L[1]is S[0]or H(1);InPlace(a);a += Note(a,Search(b));S[0]=Note(a)\n    a  = Operate(a,1)\n",
    );
}

#[test]
fn an_attribute_of_self_stays_listed_in_its_class() {
    let options = Options { is_main: false, detail: Detail::Statement, minor: 13, native_calls: false };
    check_with(
        "class A:\n    def m(self): self.x = self.y\n",
        "class A:\n    def m(self): K[2]=L[2]is S[0]or H(2);Write<x>(self);self.x = See<y>(self).y\n",
        options,
    );
}

#[test]
fn deep_nesting_is_left_alone() {
    let source = format!("a{}\n", ".m()".repeat(500));
    let done = rewrite(&source, Options { is_main: false, detail: Detail::Statement, minor: 12, native_calls: false });
    assert!(!done.diagnostics.is_empty());
    let sum = format!("x = {}\n", vec!["a"; 20_000].join("+"));
    rewrite(&sum, Options { is_main: false, detail: Detail::Statement, minor: 12, native_calls: false });
}
