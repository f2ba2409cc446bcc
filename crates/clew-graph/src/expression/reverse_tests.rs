use clew_trace::values::{Kind, LabelId, NodeId, Nodes, Op, PlaceId, Value};

use super::super::samples::Trace;
use super::{gradient, FUNCTIONS};

const OBJECTS: [u64; FUNCTIONS.len()] = [100, 101, 102, 103, 104, 105, 106, 107, 108];

/// The values of the messages of the inputs.
fn messages(trace: &Trace, output: NodeId) -> Option<Vec<f64>> {
    let (nodes, outputs) = gradient(&trace.nodes, output, "seed", &OBJECTS, PlaceId::NONE)?;
    check_order(&nodes);
    let value = |id: &NodeId| match nodes.row(*id).value() {
        Value::Float(number) => Some(number),
        _ => None,
    };
    outputs.iter().map(value).collect()
}

/// What a node reads comes before it.
fn check_order(nodes: &Nodes) {
    for id in nodes.ids() {
        assert!(nodes.inputs(id).all(|read| read < id));
    }
}

fn operator(trace: &mut Trace, op: Op, left: NodeId, right: NodeId, value: f64) -> NodeId {
    trace.add(Kind::Binary, op, LabelId::NONE, &[left, right], Value::Float(value))
}

#[test]
fn messages_of_one_value_are_summed() {
    let mut trace = Trace::default();
    let (x, y) = (trace.input("x", 3.0), trace.input("y", 2.0));
    let square = operator(&mut trace, Op::Mul, x, x, 9.0);
    let all = operator(&mut trace, Op::Mul, square, y, 18.0);
    assert_eq!(messages(&trace, all), Some(vec![12.0, 9.0]));
}

#[test]
fn division_and_negation() {
    let mut trace = Trace::default();
    let (x, y) = (trace.input("x", 3.0), trace.input("y", 2.0));
    let negative = trace.add(Kind::Unary, Op::Neg, LabelId::NONE, &[x], Value::Float(-3.0));
    let all = operator(&mut trace, Op::TrueDiv, negative, y, -1.5);
    assert_eq!(messages(&trace, all), Some(vec![-0.5, 0.75]));
}

#[test]
fn powers_with_constant_and_with_traced_exponents() {
    let mut trace = Trace::default();
    let (x, y) = (trace.input("x", 3.0), trace.input("y", 2.0));
    let three = trace.int(3);
    let cube = operator(&mut trace, Op::Pow, x, three, 27.0);
    assert_eq!(messages(&trace, cube), Some(vec![27.0, 0.0]));
    let power = operator(&mut trace, Op::Pow, x, y, 9.0);
    assert_eq!(messages(&trace, power), Some(vec![6.0, 9.0 * 3_f64.ln()]));
}

#[test]
fn functions_are_known_by_their_objects() {
    let mut trace = Trace::default();
    let x = trace.input("x", 0.5);
    let sine = trace.add(Kind::Const, Op::None, LabelId::NONE, &[], Value::Object(OBJECTS[3]));
    let known = trace.texted(Kind::UntracedCall, "sin", &[], &[sine, x]);
    assert_eq!(messages(&trace, known), Some(vec![0.5_f64.cos()]));
    let other = trace.add(Kind::Const, Op::None, LabelId::NONE, &[], Value::Object(1));
    let unknown = trace.texted(Kind::UntracedCall, "sin", &[], &[other, x]);
    assert_eq!(messages(&trace, unknown), None);
}

#[test]
fn objects_are_left_to_rules() {
    let mut trace = Trace::default();
    let x = trace.input("x", 0.5);
    let held = trace.object("held", false);
    let object = trace.add(Kind::Build, Op::List, LabelId::NONE, &[x], held);
    let zero = trace.int(0);
    let item = trace.add(Kind::GetItem, Op::None, LabelId::NONE, &[object, zero], Value::Float(0.5));
    assert_eq!(messages(&trace, item), None);
}

#[test]
fn what_python_refuses_is_left_to_it() {
    let mut trace = Trace::default();
    let x = trace.input("x", 0.0);
    let half = trace.float(0.5);
    let root = operator(&mut trace, Op::Pow, x, half, 0.0);
    assert_eq!(messages(&trace, root), None);
    let x = Trace::default().input("seed", 1.0);
    let mut named = Trace::default();
    named.input("seed", 1.0);
    assert_eq!(messages(&named, x), None);
}
