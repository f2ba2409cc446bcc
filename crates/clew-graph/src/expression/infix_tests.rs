use super::super::samples::Trace;
use super::*;

fn check(make: impl FnOnce(&mut Trace) -> NodeId, text: &str) {
    let mut trace = Trace::default();
    let id = make(&mut trace);
    assert_eq!(infix(&trace.nodes, id, &trace, 1000), text);
}

/// The inputs `a`, `b`, `c`.
fn abc(trace: &mut Trace) -> [NodeId; 3] {
    ["a", "b", "c"].map(|name| trace.input(name, 1.0))
}

#[test]
fn parentheses_stand_only_where_python_needs_them() {
    check(
        |t| {
            let [a, b, c] = abc(t);
            let two = t.int(2);
            let inner = t.binary(Op::Sub, c, two);
            let product = t.binary(Op::Mul, b, inner);
            t.binary(Op::Add, a, product)
        },
        "a + b * (c - 2)",
    );
    let nested: &[(Op, Op, &str, &str)] = &[
        (Op::Sub, Op::Sub, "a - b - c", "a - (b - c)"),
        (Op::Pow, Op::Pow, "(a ** b) ** c", "a ** b ** c"),
        (Op::Mul, Op::TrueDiv, "a * b / c", "a / (b * c)"),
        (Op::Or, Op::And, "(a | b) & c", "a & (b | c)"),
        (Op::Xor, Op::Or, "a ^ b | c", "a | b ^ c"),
        (Op::LShift, Op::Add, "(a << b) + c", "a + (b << c)"),
        (Op::DivMod, Op::Mod, "divmod(a, b) % c", "a % divmod(b, c)"),
        (Op::IAdd, Op::Mul, "(a + b) * c", "a * (b + c)"),
    ];
    for (inner, outer, on_the_left, on_the_right) in nested {
        check(
            |t| {
                let [a, b, c] = abc(t);
                let left = t.binary(*inner, a, b);
                t.binary(*outer, left, c)
            },
            on_the_left,
        );
        check(
            |t| {
                let [a, b, c] = abc(t);
                let right = t.binary(*inner, b, c);
                t.binary(*outer, a, right)
            },
            on_the_right,
        );
    }
}

#[test]
fn signs_and_powers() {
    check(
        |t| {
            let [a, b, _] = abc(t);
            let power = t.binary(Op::Pow, a, b);
            t.unary(Op::Neg, power)
        },
        "-a ** b",
    );
    check(
        |t| {
            let [a, b, _] = abc(t);
            let minus = t.unary(Op::Neg, a);
            t.binary(Op::Pow, minus, b)
        },
        "(-a) ** b",
    );
    check(
        |t| {
            let [a, b, _] = abc(t);
            let minus = t.unary(Op::Neg, b);
            t.binary(Op::Pow, a, minus)
        },
        "a ** -b",
    );
    check(
        |t| {
            let minus = t.float(-2.0);
            let two = t.int(2);
            t.binary(Op::Pow, minus, two)
        },
        "(-2.0) ** 2",
    );
    check(
        |t| {
            let two = t.int(2);
            t.texted(Kind::GetAttr, "real", &[], &[two])
        },
        "(2).real",
    );
}

#[test]
fn comparisons_do_not_become_chains() {
    check(
        |t| {
            let [a, b, c] = abc(t);
            let less = t.compare(Op::Lt, a, b);
            t.compare(Op::Lt, less, c)
        },
        "(a < b) < c",
    );
    check(
        |t| {
            let [a, b, c] = abc(t);
            let either = t.binary(Op::Or, b, c);
            let pair = t.build(Op::Tuple, &[a]);
            t.add(Kind::Convert, Op::Contains, clew_trace::values::LabelId::NONE, &[pair, either], Value::Absent)
        },
        "b | c in (a,)",
    );
}

#[test]
fn items_slices_and_containers() {
    let index = |op: Op, n: usize, text: &str| {
        check(
            |t| {
                let [a, b, c] = abc(t);
                let none = t.written("None");
                let key = t.build(op, &[b, c, none][..n]);
                t.plain(Kind::GetItem, &[a, key], &[])
            },
            text,
        );
    };
    index(Op::Slice, 3, "a[b:c]");
    index(Op::Tuple, 2, "a[b, c]");
    index(Op::Tuple, 1, "a[b,]");
    index(Op::Tuple, 0, "a[()]");
    index(Op::List, 2, "a[[b, c]]");
    check(
        |t| {
            let [a, b, c] = abc(t);
            let none = t.written("None");
            let slice = t.build(Op::Slice, &[none, b, c]);
            let key = t.build(Op::Tuple, &[slice, b]);
            t.plain(Kind::GetItem, &[a, key], &[])
        },
        "a[:b:c, b]",
    );
    for (op, text) in [
        (Op::List, "[a, b]"),
        (Op::Dict, "{a: b}"),
        (Op::Set, "{a, b}"),
        (Op::FrozenSet, "frozenset({a, b})"),
        (Op::Deque, "collections.deque([a, b])"),
    ] {
        check(
            |t| {
                let [a, b, _] = abc(t);
                t.build(op, &[a, b])
            },
            text,
        );
    }
    check(|t| t.build(Op::Set, &[]), "set()");
}

#[test]
fn calls_are_written_as_calls() {
    check(
        |t| {
            let [a, b, _] = abc(t);
            let f = t.named("f");
            let call = t.texted(Kind::Call, "f", &["k"], &[f, a, b]);
            t.parent = Some(call);
            let k = t.texted(Kind::Argument, "k", &[], &[call, b]);
            let body = t.unary(Op::Abs, k);
            t.parent = None;
            let result = t.plain(Kind::Return, &[call, body], &[]);
            let stored = t.texted(Kind::SetAttr, "x", &[], &[result, a]);
            let method = t.texted(Kind::UntracedDispatch, "m", &["*", "**"], &[stored, a, b]);
            t.texted(Kind::GetAttr, "real", &[], &[method])
        },
        "f(a, k=b).m(*a, **b).real",
    );
    check(
        |t| {
            let [a, _, _] = abc(t);
            let two = t.int(2);
            t.add(Kind::Unary, Op::Round, clew_trace::values::LabelId::NONE, &[a, two], Value::Float(0.0))
        },
        "round(a, 2)",
    );
}

#[test]
fn what_is_shared_gets_a_name_when_the_text_is_long() {
    let twice = |n: usize| {
        move |t: &mut Trace| {
            let [a, b, _] = abc(t);
            let mut last = t.binary(Op::Add, a, b);
            for _ in 0..n {
                last = t.binary(Op::Mul, last, last);
            }
            last
        }
    };
    check(twice(2), "(a + b) * (a + b) * ((a + b) * (a + b))");
    check(twice(5), "t1 = a + b\nt2 = t1 * t1\nt3 = t2 * t2\nt4 = t3 * t3\nt5 = t4 * t4\nt5 * t5");
}

#[test]
fn a_long_chain_is_cut_at_once() {
    let mut trace = Trace::default();
    let one = trace.float(1.0);
    let mut last = trace.input("x", 1.0);
    for _ in 0..100_000 {
        last = trace.binary(Op::Add, last, one);
    }
    let text = infix(&trace.nodes, last, &trace, 50);
    assert!(text.starts_with("... + 1.0 + 1.0") && text.len() <= 50, "{text}");
    let mut last = trace.input("x", 1.0);
    for _ in 0..100_000 {
        last = trace.binary(Op::Sub, one, last);
    }
    let text = infix(&trace.nodes, last, &trace, 50);
    assert!(text.starts_with("1.0 - (1.0 - (1.0") && text.ends_with("...") && text.len() <= 50, "{text}");
}
