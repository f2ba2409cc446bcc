use super::super::samples::Trace;
use super::*;
use clew_trace::values::{LabelId, Op, Value};
use proptest::prelude::*;

#[test]
fn guards_count_when_they_share_an_input_with_the_result() {
    let mut trace = Trace::default();
    let [x, y, z, w] = ["x", "y", "z", "w"].map(|name| trace.input(name, 1.0));
    let on_x = trace.fact(Op::Bool, x, "True");
    let xy = trace.binary(Op::Add, x, y);
    let on_xy = trace.fact(Op::Bool, xy, "True");
    let zw = trace.binary(Op::Add, z, w);
    let on_zw = trace.fact(Op::Bool, zw, "True");
    let result = trace.unary(Op::Neg, y);
    trace.fact(Op::Bool, y, "True");
    assert_eq!(with_guards(&trace.nodes, &[result]), [x, y, on_x, xy, on_xy, result]);
    assert_eq!(with_guards(&trace.nodes, &[]), []);
    assert_eq!(upstream(&trace.nodes, &[on_zw]), [z, w, zw, on_zw]);
}

/// Traces of inputs, operations, calls and facts: the numbers say what each node is and reads.
fn traces() -> impl Strategy<Value = Nodes> {
    prop::collection::vec((0..8_u8, any::<u32>(), any::<u32>(), any::<u32>()), 1..60).prop_map(|rows| {
        let mut trace = Trace::default();
        for (at, (kind, first, second, third)) in rows.into_iter().enumerate() {
            let earlier = |number: u32| NodeId(number % at.max(1) as u32);
            let (first, second) = (earlier(first), earlier(second));
            trace.parent = (at > 0 && third % 5 == 0).then(|| earlier(third / 5));
            match kind {
                _ if at == 0 => trace.input("x", 1.0),
                0 => trace.input("x", 1.0),
                1 => trace.float(1.0),
                2 | 3 => trace.binary(Op::Add, first, second),
                4 => trace.unary(Op::Neg, first),
                5 => trace.add_after(
                    Kind::GetItem,
                    Op::None,
                    LabelId::NONE,
                    &[first, second],
                    &[earlier(third)],
                    Value::Absent,
                ),
                _ => trace.fact(Op::Bool, first, "True"),
            };
        }
        trace.nodes
    })
}

/// Searches, as the definitions have it.
fn slowly(nodes: &Nodes, outputs: &[NodeId]) -> Vec<NodeId> {
    let inputs_of = |of: &[NodeId]| -> Vec<NodeId> {
        upstream(nodes, of).into_iter().filter(|id| nodes.row(*id).kind == Kind::Input).collect()
    };
    let mut of = outputs.to_vec();
    loop {
        let inputs = inputs_of(&of);
        let before = of.len();
        for id in nodes.ids().filter(|id| Some(id) < outputs.iter().max()) {
            let is_guard = nodes.row(id).kind == Kind::Convert;
            if is_guard && !of.contains(&id) && inputs_of(&[id]).iter().any(|input| inputs.contains(input)) {
                of.push(id);
            }
        }
        if of.len() == before {
            return upstream(nodes, &of);
        }
    }
}

proptest! {
    #[test]
    fn what_is_upstream_has_it_downstream(nodes in traces(), at in any::<prop::sample::Index>()) {
        let of = NodeId(at.index(nodes.len()) as u32);
        let below = downstream(&nodes, &[of]);
        for id in nodes.ids() {
            prop_assert_eq!(upstream(&nodes, &[id]).contains(&of), below.contains(&id));
        }
    }

    #[test]
    fn facts_are_found_in_one_pass_as_in_many(nodes in traces(), at in any::<prop::sample::Index>()) {
        let output = NodeId(at.index(nodes.len()) as u32);
        prop_assert_eq!(with_guards(&nodes, &[output]), slowly(&nodes, &[output]));
    }
}

#[test]
#[ignore = "measures"]
fn ten_million_nodes() {
    let mut trace = Trace::default();
    let x = trace.input("x", 1.0);
    let one = trace.float(1.0);
    let mut last = x;
    for at in 0..10_000_000 {
        last = trace.binary(Op::Add, last, one);
        if at % 10 == 0 {
            trace.fact(Op::Bool, last, "True");
        }
    }
    let start = std::time::Instant::now();
    assert_eq!(upstream(&trace.nodes, &[last]).len(), 10_000_002);
    println!("upstream {:?}", start.elapsed());
    let start = std::time::Instant::now();
    assert_eq!(downstream(&trace.nodes, &[x]).len(), 11_000_001);
    println!("downstream {:?}", start.elapsed());
    let start = std::time::Instant::now();
    assert_eq!(with_guards(&trace.nodes, &[last]).len(), 11_000_002);
    println!("with guards {:?}", start.elapsed());
}
