use super::super::samples::Trace;
use super::*;
use clew_trace::values::{Kind, LabelId, Op, Value};

#[path = "compile_programs_tests.rs"]
mod programs;

fn check(make: impl FnOnce(&mut Trace) -> Vec<NodeId>, guards: Guards, source: &str) {
    let mut trace = Trace::default();
    let outputs = make(&mut trace);
    let program = compile(&trace.nodes, &outputs, "f", &["x", "y"], guards, &trace);
    assert_eq!(program.source.trim_end(), source.trim());
}

#[test]
fn a_chain_becomes_a_loop() {
    check(
        |t| {
            let mut last = t.input("x", 1.0);
            let one = t.float(1.0);
            for _ in 0..1000 {
                last = t.binary(Op::Add, last, one);
            }
            vec![last]
        },
        Guards::Ignore,
        "
def f(x, y):
    for _ in range(1000):
        x = x + 1.0
    return x",
    );
}

#[test]
#[ignore = "measures"]
fn ten_million_operations() {
    let mut trace = Trace::default();
    let mut last = trace.input("x", 1.0);
    let one = trace.float(1.0);
    for _ in 0..10_000_000 {
        last = trace.binary(Op::Add, last, one);
    }
    let start = std::time::Instant::now();
    let program = compile(&trace.nodes, &[last], "f", &["x"], Guards::Check, &trace);
    println!("a chain of ten million: {:?}\n{}", start.elapsed(), program.source);
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        println!("{:?}", status.lines().find(|line| line.starts_with("VmHWM")));
    }

    let mut trace = Trace::default();
    let mut values = vec![trace.input("x", 1.0), trace.input("y", 2.0)];
    let mut random = 1_u64;
    let mut next = |n: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize % n
    };
    for _ in 0..100_000 {
        let op = [Op::Add, Op::Sub, Op::Mul][next(3)];
        let back = values.len().saturating_sub(50);
        let (left, right) = (values[back + next(values.len() - back)], values[next(values.len())]);
        values.push(trace.binary(op, left, right));
    }
    let start = std::time::Instant::now();
    let program = compile(&trace.nodes, &[values[values.len() - 1]], "f", &["x", "y"], Guards::Check, &trace);
    println!("100,000 different: {:?}, {} lines", start.elapsed(), program.source.lines().count());
    println!("longest line {:?}", program.source.lines().map(str::len).max());
}

#[test]
fn numbers_that_count_become_a_range() {
    check(
        |t| {
            let (x, y) = (t.input("x", 1.0), t.input("y", 1.0));
            let mut sum = t.float(0.0);
            for turn in 0..6 {
                let at = t.int(turn);
                let (left, right) = (t.plain(Kind::GetItem, &[x, at], &[]), t.plain(Kind::GetItem, &[y, at], &[]));
                let product = t.binary(Op::Mul, left, right);
                sum = t.binary(Op::IAdd, sum, product);
            }
            vec![sum]
        },
        Guards::Ignore,
        "
def f(x, y):
    t1 = 0.0
    for i in range(6):
        t1 = t1 + x[i] * y[i]
    return t1",
    );
}

#[test]
fn loops_are_found_in_loops() {
    check(
        |t| {
            let (mut x, y) = (t.input("x", 1.0), t.input("y", 1.0));
            for outer in 0..6 {
                for inner in 3..15 {
                    t.place = Some(1);
                    let (outer, inner) = (t.int(outer * 2), t.int(inner));
                    let power = t.binary(Op::Pow, inner, outer);
                    x = t.binary(Op::Add, x, power);
                }
                t.place = Some(2);
                x = t.binary(Op::Mul, x, y);
            }
            vec![x]
        },
        Guards::Ignore,
        "
def f(x, y):
    for i in range(0, 12, 2):
        for j in range(3, 15):
            x = x + j ** i
        x = x * y
    return x",
    );
}

#[test]
fn two_turns_are_carried_at_once() {
    check(
        |t| {
            let (mut a, mut b) = (t.int(0), t.int(1));
            for _ in 0..10 {
                (a, b) = (b, t.add(Kind::Binary, Op::Add, LabelId::NONE, &[a, b], Value::Int(1)));
            }
            vec![b]
        },
        Guards::Ignore,
        "
def f(x, y):
    t1 = 0
    t2 = 1
    for _ in range(10):
        t1, t2 = t2, t1 + t2
    return t2",
    );
}

#[test]
fn iterators_become_loops_over_what_they_iterate() {
    check(
        |t| {
            let x = t.input("x", 1.0);
            let iterator = t.plain(Kind::Iter, &[x], &[]);
            let mut sum = t.float(0.0);
            let mut last = vec![];
            for turn in 0..6 {
                let turn = t.int(turn);
                let item = t.plain(Kind::Next, &[iterator], &last);
                last = vec![item];
                let product = t.binary(Op::Mul, item, turn);
                sum = t.binary(Op::Add, sum, product);
            }
            let truth = t.object("True", true);
            t.add_after(Kind::Convert, Op::Exhausted, LabelId::NONE, &[iterator], &last, truth);
            let two = t.int(2);
            vec![t.binary(Op::Mul, sum, two)]
        },
        Guards::Check,
        "
def f(x, y):
    t1 = 0.0
    for i, item in enumerate(x):
        t1 = t1 + item * i
    return t1 * 2",
    );
}

#[test]
fn generators_stand_in_the_function() {
    check(
        |t| {
            let x = t.input("x", 1.0);
            let generator = t.named("generator");
            let call = t.texted(Kind::Call, "generator", &[], &[generator, x]);
            let (mut sum, mut current) = (t.float(0.0), x);
            for _ in 0..6 {
                t.parent = Some(call);
                current = t.binary(Op::Mul, current, x);
                let given = t.plain(Kind::Yield, &[current], &[]);
                t.parent = None;
                let next = t.plain(Kind::Next, &[call, given], &[]);
                sum = t.binary(Op::Add, sum, next);
            }
            vec![sum]
        },
        Guards::Check,
        "
def f(x, y):
    t1 = x
    t2 = 0.0
    for _ in range(6):
        t1 = t1 * x
        t2 = t2 + t1
    return t2",
    );
}

#[test]
fn objects_facts_and_what_is_lifted() {
    let mut t = Trace::default();
    let (x, y) = (t.input("x", 1.0), t.input("y", 1.0));
    let module = t.named("numpy");
    let function = t.texted(Kind::GetAttr, "sin", &[], &[module]);
    let sine = t.texted(Kind::UntracedCall, "sin", &["out"], &[function, x, y]);
    let zero = t.int(0);
    let is_positive = t.compare(Op::Gt, x, zero);
    t.place = Some(11);
    t.fact(Op::Bool, is_positive, "True");
    let class = t.named("geometry.Point");
    let point = t.texted(Kind::New, "Point", &[], &[class, x, y]);
    let stored = t.texted(Kind::SetAttr, "a", &[], &[point, sine]);
    let attribute = t.nodes.name("a");
    let read = t.add_after(Kind::GetAttr, Op::None, attribute, &[point], &[stored], Value::Float(0.0));
    let sum = t.binary(Op::Add, read, sine);
    let z = t.input("z", 2.0);
    let power = t.binary(Op::Pow, sum, z);
    let floor = t.unary(Op::Floor, power);
    let text = t.written("'text'");
    let key = t.build(Op::Tuple, &[text, floor]);
    let item = t.plain(Kind::GetItem, &[y, key], &[]);
    let program = compile(&t.nodes, &[item, point], "f", &["x", "y"], Guards::Check, &t);
    assert_eq!(
        program.source,
        "import math


def f(x, y):
    t1 = numpy.sin(x, out=y)
    _guard(bool(x > 0), True, 12)
    t2 = Point.__new__(Point)
    t2.a = t1
    return y['text', math.floor((t2.a + t1) ** z)], t2
"
    );
    let lifted = [("numpy", module), ("Point", class), ("z", z)];
    assert_eq!(program.constants, lifted.map(|(name, id)| (name.to_owned(), id)));
    assert!(program.has_guards);
}

#[test]
fn what_repeats_is_done_once_unless_something_changed() {
    check(
        |t| {
            let x = t.input("x", 1.0);
            let list = t.build(Op::List, &[x]);
            let zero = t.int(0);
            let again = t.int(0);
            let read = |t: &mut Trace, key: NodeId, after: &[NodeId]| {
                t.add_after(Kind::GetItem, Op::None, LabelId::NONE, &[list, key], after, Value::Float(1.0))
            };
            let (first, second) = (read(t, zero, &[]), read(t, again, &[]));
            let (one, other) = (t.binary(Op::Mul, first, x), t.binary(Op::Mul, second, x));
            let sum = t.binary(Op::Add, one, other);
            let stored = t.plain(Kind::SetItem, &[list, zero, sum], &[]);
            let third = read(t, zero, &[stored]);
            vec![t.binary(Op::Add, sum, third)]
        },
        Guards::Check,
        "
def f(x, y):
    t1 = [x]
    t2 = t1[0] * x
    t3 = t2 + t2
    t1[0] = t3
    return t3 + t1[0]",
    );
}

#[test]
fn long_expressions_are_broken_into_lines() {
    let mut t = Trace::default();
    let x = t.input("x", 1.0);
    let numbers: Vec<NodeId> = (0..100).map(|n| t.float(f64::from(n * n) + 0.125)).collect();
    let mut sum = x;
    for (at, number) in numbers.iter().enumerate() {
        let op = if at % 7 < at % 5 { Op::Add } else { Op::Mul };
        t.place = Some(at as u32);
        sum = t.binary(op, sum, *number);
    }
    let list = t.build(Op::List, &numbers);
    let program = compile(&t.nodes, &[sum, list], "f", &["x"], Guards::Check, &t);
    assert!(program.source.lines().all(|line| line.len() < 120), "{}", program.source);
}

#[test]
fn items_that_were_read_before_are_read_in_their_loop() {
    check(
        |t| {
            let name = t.nodes.name("x");
            let x = t.add(Kind::Input, Op::None, name, &[], Value::Object(1 << 40));
            let y = t.input("y", 2.0);
            let mut rows = Vec::new();
            for row in 0..8_u64 {
                let key = t.int(row as i64);
                let row = t.add(Kind::GetItem, Op::None, LabelId::NONE, &[x, key], Value::Object(row << 41));
                rows.push(
                    (0..9)
                        .map(|at| {
                            let key = t.int(at);
                            t.add(Kind::GetItem, Op::None, LabelId::NONE, &[row, key], Value::Float(1.0))
                        })
                        .collect::<Vec<NodeId>>(),
                );
            }
            let mut sum = t.float(0.0);
            for row in rows {
                for item in row {
                    t.place = Some(1);
                    let product = t.binary(Op::Mul, item, y);
                    sum = t.binary(Op::Add, sum, product);
                }
                t.place = Some(2);
                sum = t.binary(Op::Mul, sum, y);
            }
            vec![sum]
        },
        Guards::Check,
        "
def f(x, y):
    t1 = 0.0
    for i in range(8):
        for j in range(9):
            t1 = t1 + x[i][j] * y
        t1 = t1 * y
    return t1",
    );
}
