//! Random programs with loops, calls, lists that change, iterators and facts are traced here and compiled; Python runs
//! the functions, which must give what the programs gave, to the last bit.

use super::super::super::samples::Trace;
use super::super::{compile, Guards};
use clew_trace::values::{Kind, LabelId, NodeId, Op, Value};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// A statement on numbered variables, and on one list.
#[derive(Clone, Debug)]
enum Statement {
    Operator(Op, usize, usize, usize),
    Constant(usize, f64),
    /// The number of the turn, as a float's factor.
    Turn(usize, usize),
    Swap(usize, usize),
    Read(usize, usize),
    Store(usize, usize),
    /// The item whose number is that of the turn.
    ReadTurn(usize),
    /// An item of a list that nothing changes, read before the program: a number, and that of the turn.
    Item(usize, usize),
    ItemTurn(usize),
    /// One of a row of a list of lists; the row of the turn.
    RowItem(usize, usize),
    RowTurn(usize, usize),
    Bump(usize, usize),
    Extend(usize),
    Call(usize, usize, usize),
    Fact(usize, usize),
    Loop(usize, Vec<Statement>),
    Each(usize, Vec<Statement>),
}

const N_VARIABLES: usize = 4;
const N_ITEMS: usize = 6;

fn statement() -> impl Strategy<Value = Statement> {
    let variable = || 0..N_VARIABLES;
    let op = prop::sample::select(vec![Op::Add, Op::Sub, Op::Mul, Op::Lt, Op::IAdd, Op::Pow]);
    let leaf = prop_oneof![
        6 => (op, variable(), variable(), variable()).prop_map(|(op, to, a, b)| Statement::Operator(op, to, a, b)),
        1 => (variable(), prop::sample::select(vec![0.5, -2.0, 3.25])).prop_map(|(to, n)| Statement::Constant(to, n)),
        1 => (variable(), variable()).prop_map(|(to, a)| Statement::Turn(to, a)),
        1 => (variable(), variable()).prop_map(|(a, b)| Statement::Swap(a, b)),
        2 => (variable(), 0..N_ITEMS).prop_map(|(to, at)| Statement::Read(to, at)),
        2 => (0..N_ITEMS, variable()).prop_map(|(at, from)| Statement::Store(at, from)),
        1 => variable().prop_map(Statement::ReadTurn),
        1 => (variable(), 0..N_ITEMS).prop_map(|(to, at)| Statement::Item(to, at)),
        2 => variable().prop_map(Statement::ItemTurn),
        1 => (variable(), 0..N_ITEMS).prop_map(|(to, at)| Statement::RowItem(to, at)),
        1 => (variable(), 0..N_ITEMS).prop_map(|(to, at)| Statement::RowTurn(to, at)),
        1 => (variable(), variable()).prop_map(|(to, a)| Statement::Bump(to, a)),
        1 => variable().prop_map(Statement::Extend),
        2 => (variable(), variable(), variable()).prop_map(|(to, a, b)| Statement::Call(to, a, b)),
        1 => (variable(), variable()).prop_map(|(a, b)| Statement::Fact(a, b)),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        let body = || prop::collection::vec(inner.clone(), 1..5);
        prop_oneof![
            3 => (2..9_usize, body()).prop_map(|(n, body)| Statement::Loop(n, body)),
            1 => (0..N_VARIABLES, body()).prop_map(|(to, body)| Statement::Each(to, body)),
        ]
    })
}

/// A program while it runs.
struct Run {
    trace: Trace,
    variables: Vec<(NodeId, f64)>,
    list: NodeId,
    items: Vec<f64>,
    changed: Option<NodeId>,
    n_objects: u64,
    line: u32,
    turn: i64,
    /// The turn of the loop around.
    outer: i64,
    row: Vec<(NodeId, f64)>,
    rows: Vec<Vec<(NodeId, f64)>>,
    bump: NodeId,
    called: NodeId,
}

impl Run {
    fn new() -> Self {
        let mut trace = Trace::default();
        let (x, y) = (trace.input("x", 1.5), trace.input("y", -0.75));
        let (bump, called) = (trace.named("bump"), trace.named("called"));
        let two = trace.float(2.0);
        let container = |trace: &mut Trace, name: &str, object: u64| {
            let label = trace.nodes.name(name);
            trace.add(Kind::Input, Op::None, label, &[], Value::Object(object))
        };
        let (z, m) = (container(&mut trace, "z", 1 << 40), container(&mut trace, "m", 1 << 41));
        let items = |trace: &mut Trace, of: NodeId, row: usize| -> Vec<(NodeId, f64)> {
            (0..N_ITEMS)
                .map(|at| {
                    let value = (at * 3 + row) as f64 * 0.25 - 1.0;
                    let key = trace.int(at as i64);
                    (trace.add(Kind::GetItem, Op::None, LabelId::NONE, &[of, key], Value::Float(value)), value)
                })
                .collect()
        };
        let row = items(&mut trace, z, 0);
        let rows = (0..N_ITEMS)
            .map(|at| {
                let key = trace.int(at as i64);
                let object = Value::Object((1 << 42) + at as u64);
                let row = trace.add(Kind::GetItem, Op::None, LabelId::NONE, &[m, key], object);
                items(&mut trace, row, at)
            })
            .collect();
        let first: Vec<NodeId> = (0..N_ITEMS).map(|at| if at % 2 == 0 { x } else { two }).collect();
        let list = trace.add(Kind::Build, Op::List, LabelId::NONE, &first, Value::Object(1 << 32));
        Self {
            row,
            rows,
            outer: 0,
            trace,
            variables: vec![(x, 1.5), (y, -0.75), (two, 2.0), (x, 1.5)],
            list,
            items: (0..N_ITEMS).map(|at| if at % 2 == 0 { 1.5 } else { 2.0 }).collect(),
            changed: None,
            n_objects: 1 << 32,
            line: 0,
            turn: 0,
            bump,
            called,
        }
    }

    fn object(&mut self) -> Value {
        self.n_objects += 1;
        Value::Object(self.n_objects)
    }

    fn add(&mut self, kind: Kind, op: Op, inputs: &[NodeId], value: Value) -> NodeId {
        let after: Vec<NodeId> = self.changed.into_iter().filter(|_| inputs.contains(&self.list)).collect();
        self.trace.add_after(kind, op, LabelId::NONE, inputs, &after, value)
    }

    fn operator(&mut self, op: Op, (left, a): (NodeId, f64), (right, b): (NodeId, f64)) -> (NodeId, f64) {
        match op {
            Op::Lt => {
                let less = self.trace.compare(Op::Lt, left, right);
                let result = if a < b { a + 1.0 } else { a + 0.0 };
                (self.add(Kind::Binary, Op::Add, &[left, less], Value::Float(result)), result)
            }
            Op::Pow => {
                // Exact, so that no library decides.
                let one = self.trace.int(1);
                let power = self.add(Kind::Binary, Op::Pow, &[left, one], Value::Float(a));
                let minus = self.add(Kind::Unary, Op::Neg, &[power], Value::Float(-a));
                (minus, -a)
            }
            _ => {
                let result = match op {
                    Op::Sub => a - b,
                    Op::Mul => a * b,
                    _ => a + b,
                };
                (self.add(Kind::Binary, op, &[left, right], Value::Float(result)), result)
            }
        }
    }

    fn read(&mut self, at: usize) -> (NodeId, f64) {
        let key = self.trace.int(at as i64);
        let value = self.items[at];
        (self.add(Kind::GetItem, Op::None, &[self.list, key], Value::Float(value)), value)
    }

    fn run(&mut self, statements: &[Statement]) {
        for statement in statements {
            self.line += 1;
            self.trace.place = Some(self.line);
            match statement {
                Statement::Operator(op, to, a, b) => {
                    self.variables[*to] = self.operator(*op, self.variables[*a], self.variables[*b]);
                }
                Statement::Constant(to, number) => self.variables[*to] = (self.trace.float(*number), *number),
                Statement::Turn(to, a) => {
                    let turn = self.trace.int(self.turn);
                    self.variables[*to] = self.operator(Op::Mul, self.variables[*a], (turn, self.turn as f64));
                }
                Statement::Swap(a, b) => self.variables.swap(*a, *b),
                Statement::Read(to, at) => self.variables[*to] = self.read(*at),
                Statement::ReadTurn(to) => self.variables[*to] = self.read(self.turn as usize % self.items.len()),
                Statement::Item(to, at) => self.variables[*to] = self.row[*at],
                Statement::ItemTurn(to) => self.variables[*to] = self.row[self.turn as usize % N_ITEMS],
                Statement::RowItem(to, at) => {
                    self.variables[*to] =
                        self.rows[self.outer as usize % N_ITEMS][(*at + self.turn as usize) % N_ITEMS];
                }
                Statement::RowTurn(to, at) => self.variables[*to] = self.rows[self.turn as usize % N_ITEMS][*at],
                Statement::Store(at, from) => {
                    let key = self.trace.int(*at as i64);
                    let (value, number) = self.variables[*from];
                    let list = self.trace.nodes.row(self.list).value();
                    self.items[*at] = number;
                    self.changed = Some(self.add(Kind::SetItem, Op::None, &[self.list, key, value], list));
                }
                Statement::Bump(to, a) => {
                    let (value, number) = self.variables[*a];
                    self.items[0] = self.items[0] * 0.5 + number;
                    let result = self.items[1];
                    let call =
                        self.add(Kind::UntracedCall, Op::None, &[self.bump, self.list, value], Value::Float(result));
                    self.changed = Some(call);
                    self.variables[*to] = (call, result);
                }
                Statement::Extend(from) => {
                    if self.items.len() < 20 {
                        let (value, number) = self.variables[*from];
                        let object = self.object();
                        let tail = self.add(Kind::Build, Op::List, &[value], object);
                        let list = self.trace.nodes.row(self.list).value();
                        self.items.push(number);
                        self.list = self.add(Kind::Binary, Op::IAdd, &[self.list, tail], list);
                        self.changed = Some(self.list);
                    }
                }
                Statement::Call(to, a, b) => {
                    let (a, b) = (self.variables[*a], self.variables[*b]);
                    let call = self.add(Kind::Call, Op::None, &[self.called, a.0, b.0], Value::Absent);
                    let around = self.trace.parent.replace(call);
                    let p = self.trace.texted(Kind::Argument, "p", &[], &[call, a.0]);
                    let q = self.trace.texted(Kind::Argument, "q", &[], &[call, b.0]);
                    let product = self.operator(Op::Mul, (p, a.1), (q, b.1));
                    let result = self.operator(Op::Sub, product, (p, a.1));
                    self.trace.parent = around;
                    let result_node = self.trace.plain(Kind::Return, &[call, result.0], &[]);
                    self.variables[*to] = (result_node, result.1);
                }
                Statement::Fact(a, b) => {
                    let (a, b) = (self.variables[*a], self.variables[*b]);
                    let less = self.trace.compare(Op::Lt, a.0, b.0);
                    self.trace.fact(Op::Bool, less, if a.1 < b.1 { "True" } else { "False" });
                }
                Statement::Loop(n, body) => {
                    let (line, turn, outer) = (self.line, self.turn, self.outer);
                    self.outer = turn;
                    for turn in 0..*n {
                        (self.line, self.turn) = (line, turn as i64);
                        self.run(body);
                    }
                    (self.turn, self.outer) = (turn, outer);
                }
                Statement::Each(to, body) => self.each(*to, body),
            }
        }
    }

    /// A loop over the items of a tuple.
    fn each(&mut self, to: usize, body: &[Statement]) {
        let values: Vec<(NodeId, f64)> = self.variables.iter().cycle().take(6).copied().collect();
        let (object, iterator_object) = (self.object(), self.object());
        let ids: Vec<NodeId> = values.iter().map(|(id, _)| *id).collect();
        let tuple = self.add(Kind::Build, Op::Tuple, &ids, object);
        let iterator = self.add(Kind::Iter, Op::None, &[tuple], iterator_object);
        let mut last: Vec<NodeId> = Vec::new();
        let line = self.line;
        for (_, value) in values {
            (self.line, self.trace.place) = (line, Some(line));
            let next =
                self.trace.add_after(Kind::Next, Op::None, LabelId::NONE, &[iterator], &last, Value::Float(value));
            last = vec![next];
            self.variables[to] = (next, value);
            self.run(body);
        }
        self.trace.place = Some(line);
        let truth = self.trace.object("True", true);
        self.trace.add_after(Kind::Convert, Op::Exhausted, LabelId::NONE, &[iterator], &last, truth);
    }
}

const PRELUDE: &str = r#"
import struct

def bump(items, value):
    items[0] = items[0] * 0.5 + value
    return items[1]

def _guard(fact, recorded, line):
    assert fact == recorded or fact != fact, (fact, recorded, line)
    return fact

def items(row):
    return [(at * 3 + row) * 0.25 - 1.0 for at in range(6)]

def same(one, other):
    return all(a != a and b != b or struct.pack("d", a) == struct.pack("d", b) for a, b in zip(one, other, strict=True))

failed = []
def check(source, expected, program):
    scope = {"bump": bump, "_guard": _guard}
    try:
        exec(compile(source, "program", "exec"), scope)
        found = scope["f"](1.5, -0.75, items(0), [items(row) for row in range(6)])
        assert same(found, expected), (found, expected)
    except Exception as error:
        failed.append("\n".join([program, source, repr(error)]))
inf, nan = float("inf"), float("nan")
"#;

#[test]
fn python_runs_what_was_compiled() {
    if Command::new("python3").arg("--version").output().is_err() {
        return;
    }
    let mut runner = TestRunner::deterministic();
    let programs = prop::collection::vec(statement(), 1..9);
    let mut script = PRELUDE.to_owned();
    let mut n_loops = 0;
    for _ in 0..400 {
        let program = programs.new_tree(&mut runner).expect("a program").current();
        let mut run = Run::new();
        run.run(&program);
        if run.trace.nodes.len() > 5000 {
            continue;
        }
        for at in 0..2 {
            let item = run.read(at);
            run.variables.push(item);
        }
        let outputs: Vec<NodeId> = run.variables.iter().map(|(id, _)| *id).collect();
        let expected: Vec<f64> = run.variables.iter().map(|(_, number)| *number).collect();
        for guards in [Guards::Check, Guards::Ignore] {
            let compiled = compile(&run.trace.nodes, &outputs, "f", &["x", "y", "z", "m"], guards, &run.trace);
            n_loops += usize::from(compiled.source.contains("    for "));
            let expected: Vec<String> =
                expected.iter().map(|number| super::super::super::python_float(*number)).collect();
            let _ = writeln!(
                script,
                "check({:?}, [{}], {:?})",
                compiled.source,
                expected.join(", "),
                format!("{program:?}")
            );
        }
    }
    script.push_str("print(len(failed), *sorted(failed, key=len)[:1])\n");
    let mut python =
        Command::new("python3").arg("-").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python3");
    python.stdin.take().expect("input").write_all(script.as_bytes()).expect("the script is read");
    let output = python.wait_with_output().expect("python3 ends");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.trim_end(), "0", "{text}");
    assert!(n_loops > 100, "{n_loops} programs have loops");
}
