//! A node as a Python expression, with no more parentheses than Python needs.
//!
//! What is written is found from the result backward, and no more of it is looked at than fits: the text of a chain of
//! ten million operations takes no longer than one that fits, and has `...` where it was cut. Calls of traced functions
//! are written as calls. An expression that is used more than once gets a name as soon as the whole grows long.

use clew_trace::values::{Kind, NodeId, Nodes, Op, Value};
use rustc_hash::FxHashMap;
use std::borrow::Cow;
use std::collections::BTreeMap;

use super::form::{
    form, literal_precedence, slice_between_brackets, tuple_between_brackets, Form, Piece, Precedence, ANY, ATOM,
};
use super::numbers::{python_float, python_int};
use super::Describe;

/// Texts up to this length are written without names for what they share.
const SHORT: usize = 100;

/// What stands for what is not written.
const CUT: &str = "...";

/// The text of a node as a Python expression of at most `limit` characters.
///
/// Shared expressions of a long text get names; the lines that give them stand before the last.
pub fn infix(nodes: &Nodes, id: NodeId, describe: &dyn Describe, limit: usize) -> String {
    let root = shown(nodes, id);
    let explored = Explored::new(nodes, root, describe, limit);
    let mut text = Text { nodes, describe, explored: &explored, names: FxHashMap::default() };
    let mut lines = Vec::new();
    if explored.len_unfolded > SHORT.min(limit) {
        for (id, found) in &explored.found {
            if found.n_uses > 1 {
                let name = format!("t{}", text.names.len() + 1);
                lines.push(format!("{name} = {}", text.of(*id, limit)));
                text.names.insert(*id, name);
            }
        }
    }
    lines.push(text.of(root, limit));
    cut(lines.join("\n"), limit)
}

/// The node whose expression is written for a node: what only passes a value on, or changes it, is left out.
fn shown(nodes: &Nodes, id: NodeId) -> NodeId {
    let mut at = id;
    loop {
        let passed_on = match nodes.row(at).kind {
            Kind::Argument => nodes.inputs(at).nth(1),
            Kind::Return | Kind::Yield | Kind::SetAttr | Kind::DelAttr | Kind::SetItem | Kind::DelItem => {
                nodes.inputs(at).next()
            }
            _ => None,
        };
        match passed_on {
            Some(next) => at = next,
            None => return at,
        }
    }
}

/// The text of a constant or an input, and how tightly it binds.
pub(crate) fn leaf(nodes: &Nodes, id: NodeId, describe: &dyn Describe) -> (String, Precedence) {
    let row = nodes.row(id);
    let text = match row.value() {
        _ if row.kind == Kind::Input => return (nodes.text(id).to_owned(), ATOM),
        Value::Float(number) => python_float(number),
        Value::Int(number) => python_int(number),
        Value::Absent | Value::Object(_) => match describe.literal(nodes, id) {
            Some(text) => text,
            None => return (describe.name(nodes, id), ATOM),
        },
    };
    let precedence = literal_precedence(&text);
    (text, precedence)
}

/// What is known of an operation that is written.
struct Found {
    n_uses: u32,
    /// The characters of its expression if nothing had a name.
    len_unfolded: usize,
}

/// The operations that are written, by number.
struct Explored {
    found: BTreeMap<NodeId, Found>,
    /// The characters of the whole if nothing had a name.
    len_unfolded: usize,
}

impl Explored {
    /// Looks from the result backward, latest first, until what was found fills the limit.
    fn new(nodes: &Nodes, root: NodeId, describe: &dyn Describe, limit: usize) -> Self {
        let mut found: BTreeMap<NodeId, Found> = BTreeMap::new();
        let mut waiting: BTreeMap<NodeId, u32> = BTreeMap::from([(root, 1)]);
        let mut leaves: FxHashMap<NodeId, usize> = FxHashMap::default();
        let mut len = 0;
        // Whoever uses a node has a greater number: all its uses are known when it is taken.
        while let Some((id, n_uses)) = waiting.pop_last() {
            let Some(form) = form_of(nodes, id) else { continue };
            let mut own = 0;
            for piece in &form.pieces {
                let at = match piece {
                    Piece::Text(text) => {
                        own += text.len();
                        continue;
                    }
                    Piece::Operand(at, _) | Piece::Key(at) | Piece::Bound(at) => *at,
                };
                if own > limit {
                    break;
                }
                let Some(operand) = nodes.inputs(id).nth(at).map(|operand| shown(nodes, operand)) else { continue };
                if is_leaf(nodes, operand) {
                    own += *leaves.entry(operand).or_insert_with(|| leaf(nodes, operand, describe).0.len());
                } else {
                    *waiting.entry(operand).or_insert(0) += 1;
                }
            }
            found.insert(id, Found { n_uses, len_unfolded: own });
            len += own;
            if len > limit {
                break;
            }
        }
        let mut explored = Self { found, len_unfolded: 0 };
        explored.unfold(nodes);
        explored
    }

    /// Adds the lengths of the operands, those first that come first.
    fn unfold(&mut self, nodes: &Nodes) {
        let ids: Vec<NodeId> = self.found.keys().copied().collect();
        for id in ids {
            let mut len = self.found.get(&id).map_or(0, |found| found.len_unfolded);
            for piece in form_of(nodes, id).into_iter().flat_map(|form| form.pieces) {
                let (Piece::Operand(at, _) | Piece::Key(at) | Piece::Bound(at)) = piece else { continue };
                let Some(operand) = nodes.inputs(id).nth(at).map(|operand| shown(nodes, operand)) else { continue };
                let below = self.found.get(&operand).map_or(0, |found| found.len_unfolded);
                len = len.saturating_add(below);
            }
            if let Some(found) = self.found.get_mut(&id) {
                found.len_unfolded = len;
            }
            self.len_unfolded = len;
        }
    }
}

fn form_of(nodes: &Nodes, id: NodeId) -> Option<Form<'_>> {
    let row = nodes.row(id);
    form(row.kind, row.op, nodes.label(id), nodes.inputs(id).len())
}

fn is_leaf(nodes: &Nodes, id: NodeId) -> bool {
    matches!(nodes.row(id).kind, Kind::Const | Kind::Input)
}

/// What is still to be written, the next one last.
enum Rest<'a> {
    Text(Cow<'a, str>),
    Node(NodeId, Precedence),
    Key(NodeId),
    Bound(NodeId),
}

struct Text<'a> {
    nodes: &'a Nodes,
    describe: &'a dyn Describe,
    explored: &'a Explored,
    names: FxHashMap<NodeId, String>,
}

impl<'a> Text<'a> {
    /// The expression of a node, which may be somewhat longer than the limit.
    fn of(&self, id: NodeId, limit: usize) -> String {
        let mut written = String::new();
        let mut rest = vec![Rest::Node(id, ANY)];
        while let Some(next) = rest.pop() {
            if written.len() > limit {
                break;
            }
            match next {
                Rest::Text(text) => written.push_str(&text),
                Rest::Node(id, least) => self.node(id, least, &mut rest),
                Rest::Key(id) => self.key(id, &mut rest),
                Rest::Bound(id) if self.is_none(id) => {}
                Rest::Bound(id) => rest.push(Rest::Node(id, ANY)),
            }
        }
        written
    }

    fn node(&self, id: NodeId, least: Precedence, rest: &mut Vec<Rest<'a>>) {
        let id = shown(self.nodes, id);
        if let Some(name) = self.names.get(&id) {
            rest.push(Rest::Text(Cow::Owned(name.clone())));
            return;
        }
        let Some(Form { precedence, pieces }) = form_of(self.nodes, id) else {
            let (text, precedence) = leaf(self.nodes, id, self.describe);
            let text = if precedence < least { format!("({text})") } else { text };
            rest.push(Rest::Text(Cow::Owned(text)));
            return;
        };
        if !self.explored.found.contains_key(&id) {
            rest.push(Rest::Text(Cow::Borrowed(CUT)));
            return;
        }
        let is_enclosed = precedence < least;
        rest.extend(is_enclosed.then_some(Rest::Text(Cow::Borrowed(")"))));
        self.pieces(id, pieces, rest);
        rest.extend(is_enclosed.then_some(Rest::Text(Cow::Borrowed("("))));
    }

    fn key(&self, id: NodeId, rest: &mut Vec<Rest<'a>>) {
        let id = shown(self.nodes, id);
        let row = self.nodes.row(id);
        let is_written = self.explored.found.contains_key(&id) && !self.names.contains_key(&id);
        let inputs = self.nodes.inputs(id);
        match (row.kind, row.op) {
            (Kind::Build, Op::Slice) if is_written => {
                let has_step = inputs.clone().nth(2).is_some_and(|step| !self.is_none(step));
                self.pieces(id, slice_between_brackets(inputs.len(), has_step), rest);
            }
            (Kind::Build, Op::Tuple) if is_written => {
                self.pieces(id, tuple_between_brackets(inputs.len()), rest);
            }
            _ => rest.push(Rest::Node(id, ANY)),
        }
    }

    fn pieces(&self, id: NodeId, pieces: Vec<Piece<'a>>, rest: &mut Vec<Rest<'a>>) {
        let inputs: Vec<NodeId> = self.nodes.inputs(id).collect();
        rest.extend(pieces.into_iter().rev().map(|piece| match piece {
            Piece::Text(text) => Rest::Text(Cow::Borrowed(text)),
            Piece::Operand(at, least) => Rest::Node(inputs[at], least),
            Piece::Key(at) => Rest::Key(inputs[at]),
            Piece::Bound(at) => Rest::Bound(inputs[at]),
        }));
    }

    fn is_none(&self, id: NodeId) -> bool {
        let row = self.nodes.row(id);
        row.kind == Kind::Const
            && matches!(row.value(), Value::Object(_))
            && self.describe.literal(self.nodes, id).as_deref() == Some("None")
    }
}

/// The text, with what is beyond the limit replaced.
fn cut(mut text: String, limit: usize) -> String {
    if text.chars().count() > limit {
        let end = text.char_indices().nth(limit.saturating_sub(CUT.len())).map_or(0, |(at, _)| at);
        text.truncate(end);
        text.push_str(CUT);
    }
    text
}

#[cfg(test)]
#[path = "infix_tests.rs"]
mod tests;
