//! A graph of operations as `clew-render` draws graphs: what happened in a call stands in the cluster of that call.
//!
//! Constants are no nodes; they stand in the labels. Labels show one operation each, the whole expression is the node's
//! text.

use clew_trace::values::{Kind, NodeId, Nodes};
use serde_json::{json, Value};

use super::bits::Bits;
use super::form::{change, form, Piece};
use super::infix::{infix, leaf};
use super::Describe;

/// Stands in a label for an operand that is another node.
const OPERAND: &str = "·";

/// The longest text of a node.
const MAX_TEXT: usize = 200;

/// The longest text of a constant in a label.
const MAX_CONSTANT: usize = 24;

/// Nodes and edges, as `clew-render` reads them. `place` gives the number of a node's source and its line.
pub fn drawing(nodes: &Nodes, describe: &dyn Describe, place: &dyn Fn(NodeId) -> (usize, u32)) -> Value {
    let mut has_body = Bits::new(nodes.len());
    for row in nodes.rows() {
        if let Some(call) = row.parent.known() {
            has_body.insert(call.index());
        }
    }
    let drawing = Drawing { nodes, describe, has_body };
    let (mut drawn, mut edges) = (Vec::new(), Vec::new());
    for id in nodes.ids().filter(|id| nodes.row(*id).kind != Kind::Const) {
        let (source, line) = place(id);
        let row = nodes.row(id);
        let parent = row.parent.known().filter(|_| row.kind != Kind::Input);
        drawn.push(json!({
            "id": id.0,
            "kind": drawing.kind(id),
            "source": source,
            "line": line,
            "label": drawing.label(id),
            "text": infix(nodes, id, describe, MAX_TEXT),
            "parent": parent.map(|call| call.0),
        }));
        drawing.edges(id, &mut edges);
    }
    json!({ "nodes": drawn, "edges": edges })
}

struct Drawing<'a> {
    nodes: &'a Nodes,
    describe: &'a dyn Describe,
    has_body: Bits,
}

impl Drawing<'_> {
    /// The kind of statement that a node is drawn as.
    fn kind(&self, id: NodeId) -> &'static str {
        match self.nodes.row(id).kind {
            // The head of a cluster.
            _ if self.has_body.contains(id.index()) => "function",
            Kind::Input | Kind::Argument | Kind::SetAttr | Kind::DelAttr | Kind::SetItem | Kind::DelItem => "assign",
            Kind::Iter | Kind::Next => "for",
            Kind::Compare | Kind::Convert => "if",
            Kind::Return | Kind::Yield => "return",
            _ => "expression",
        }
    }

    /// One operation, with constants and inputs as its operands, and a mark for all others.
    fn label(&self, id: NodeId) -> String {
        let nodes = self.nodes;
        let row = nodes.row(id);
        let n_inputs = nodes.inputs(id).len();
        let pieces = match row.kind {
            Kind::Input => return nodes.text(id).to_owned(),
            Kind::Argument => vec![Piece::Text(nodes.text(id)), Piece::Text(" = "), Piece::Key(1)],
            Kind::Return => vec![Piece::Text("return "), Piece::Key(1)],
            Kind::Yield => vec![Piece::Text("yield "), Piece::Key(0)],
            kind => match change(kind, row.op, nodes.label(id))
                .or_else(|| form(kind, row.op, nodes.label(id), n_inputs).map(|form| form.pieces))
            {
                Some(pieces) => pieces,
                None => return row.kind.name().to_owned(),
            },
        };
        pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Text(text) => text.to_owned(),
                Piece::Operand(at, _) | Piece::Key(at) | Piece::Bound(at) => self.operand(id, at),
            })
            .collect()
    }

    fn operand(&self, id: NodeId, at: usize) -> String {
        let operand = self.nodes.inputs(id).nth(at);
        let shown = operand.filter(|operand| matches!(self.nodes.row(*operand).kind, Kind::Input | Kind::Const));
        shown.map_or_else(
            || OPERAND.to_owned(),
            |operand| {
                let (text, _) = leaf(self.nodes, operand, self.describe);
                if text.chars().count() <= MAX_CONSTANT {
                    return text;
                }
                text.chars().take(MAX_CONSTANT - 1).chain(['…']).collect()
            },
        )
    }

    fn edges(&self, id: NodeId, edges: &mut Vec<Value>) {
        let nodes = self.nodes;
        let row = nodes.row(id);
        let passes_on = matches!(row.kind, Kind::Argument | Kind::Return);
        let is_change = change(row.kind, row.op, nodes.label(id)).is_some();
        for (at, input) in nodes.inputs(id).enumerate() {
            // What a call receives goes to its parameters, when these are drawn; what it gives comes from its result.
            let is_drawn = match row.kind {
                Kind::Call | Kind::Dispatch => !self.has_body.contains(id.index()),
                _ => !(passes_on && at == 0 && self.has_body.contains(input.index())),
            };
            if is_drawn && nodes.row(input).kind != Kind::Const {
                let kind = if is_change && at == 0 { "mutate" } else { "data" };
                edges.push(json!({ "from": input.0, "to": id.0, "kind": kind, "name": self.name_of(id, at) }));
            }
        }
        for change in nodes.after(id).filter(|change| nodes.row(*change).kind != Kind::Const) {
            edges.push(json!({ "from": change.0, "to": id.0, "kind": "mutate", "name": null }));
        }
    }

    /// What an input of a node is called there.
    fn name_of(&self, id: NodeId, at: usize) -> Option<String> {
        let label = self.nodes.label(id)?;
        let n_inputs = self.nodes.inputs(id).len();
        match self.nodes.row(id).kind {
            Kind::Argument => Some(label.text.clone()),
            _ => label.keywords.get((at + label.keywords.len()).checked_sub(n_inputs)?).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::Trace;
    use super::*;
    use clew_trace::values::{Op, Value as Recorded};

    #[test]
    fn what_happens_in_a_call_stands_in_its_cluster() {
        let mut trace = Trace::default();
        let (f, x) = (trace.named("f"), trace.input("x", 1.0));
        let call = trace.texted(Kind::Call, "f", &[], &[f, x]);
        trace.parent = Some(call);
        let a = trace.texted(Kind::Argument, "a", &[], &[call, x]);
        let two = trace.int(2);
        let double = trace.binary(Op::Mul, a, two);
        trace.parent = None;
        let result = trace.plain(Kind::Return, &[call, double], &[]);
        let stored = trace.texted(Kind::SetAttr, "b", &[], &[result, x]);
        let name = trace.nodes.label_id(stored);
        trace.add_after(Kind::GetAttr, Op::None, name, &[result], &[stored], Recorded::Absent);

        let drawn = drawing(&trace.nodes, &trace, &|id| (0, id.0));
        let texts = |what: &str, key: &str| -> Vec<Value> {
            drawn[what].as_array().into_iter().flatten().map(|one| one[key].clone()).collect()
        };
        assert_eq!(texts("nodes", "id"), [1, 2, 3, 5, 6, 7, 8]);
        let labels = ["x", "f(x)", "a = x", "· * 2", "return ·", "·.b = x", "·.b"];
        assert_eq!(texts("nodes", "label"), labels);
        let none = Value::Null;
        assert_eq!(
            texts("nodes", "parent"),
            [none.clone(), none.clone(), json!(2), json!(2), none.clone(), none.clone(), none]
        );
        let ends: Vec<(Value, Value)> = texts("edges", "from").into_iter().zip(texts("edges", "to")).collect();
        let expected = [(1, 3), (3, 5), (5, 6), (6, 7), (1, 7), (6, 8), (7, 8)];
        assert_eq!(ends, expected.map(|(from, to)| (json!(from), json!(to))));
        assert_eq!(texts("edges", "kind"), ["data", "data", "data", "mutate", "data", "data", "mutate"]);
    }
}
