use super::super::samples::Trace;
use super::*;
use clew_trace::values::Op;

#[path = "compile_programs.rs"]
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
