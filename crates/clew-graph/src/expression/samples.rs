//! Traces for the tests: made by hand, in the order in which a program would make them.

use clew_trace::values::{Kind, Label, LabelId, NewNode, NodeId, Nodes, Op, PlaceId, Value};

use super::Describe;

/// A trace that grows.
#[derive(Default)]
pub(crate) struct Trace {
    pub(crate) nodes: Nodes,
    pub(crate) parent: Option<NodeId>,
    pub(crate) place: Option<u32>,
    /// Texts of the values that do not stand in the rows, with whether these are literals.
    pub(crate) objects: Vec<(String, bool)>,
}

impl Trace {
    pub(crate) fn add(&mut self, kind: Kind, op: Op, label: LabelId, inputs: &[NodeId], value: Value) -> NodeId {
        self.add_after(kind, op, label, inputs, &[], value)
    }

    pub(crate) fn add_after(
        &mut self,
        kind: Kind,
        op: Op,
        label: LabelId,
        inputs: &[NodeId],
        after: &[NodeId],
        value: Value,
    ) -> NodeId {
        let parent = self.parent.unwrap_or(NodeId::NONE);
        let place = self.place.map_or(PlaceId::NONE, PlaceId);
        self.nodes.push(NewNode { kind, op, label, inputs, after, place, parent, value }).expect("room")
    }

    pub(crate) fn input(&mut self, name: &str, value: f64) -> NodeId {
        let label = self.nodes.name(name);
        self.add(Kind::Input, Op::None, label, &[], Value::Float(value))
    }

    pub(crate) fn float(&mut self, value: f64) -> NodeId {
        self.add(Kind::Const, Op::None, LabelId::NONE, &[], Value::Float(value))
    }

    pub(crate) fn int(&mut self, value: i64) -> NodeId {
        self.add(Kind::Const, Op::None, LabelId::NONE, &[], Value::Int(value))
    }

    /// A value that has a text.
    pub(crate) fn object(&mut self, text: &str, is_literal: bool) -> Value {
        let entry = (text.to_owned(), is_literal);
        let at = self.objects.iter().position(|known| *known == entry).unwrap_or_else(|| {
            self.objects.push(entry);
            self.objects.len() - 1
        });
        Value::Object(at as u64)
    }

    /// A constant that can be written.
    pub(crate) fn written(&mut self, text: &str) -> NodeId {
        let value = self.object(text, true);
        self.add(Kind::Const, Op::None, LabelId::NONE, &[], value)
    }

    /// A constant that only has a name.
    pub(crate) fn named(&mut self, name: &str) -> NodeId {
        let value = self.object(name, false);
        self.add(Kind::Const, Op::None, LabelId::NONE, &[], value)
    }

    pub(crate) fn unary(&mut self, op: Op, of: NodeId) -> NodeId {
        self.add(Kind::Unary, op, LabelId::NONE, &[of], Value::Float(0.0))
    }

    pub(crate) fn binary(&mut self, op: Op, left: NodeId, right: NodeId) -> NodeId {
        self.add(Kind::Binary, op, LabelId::NONE, &[left, right], Value::Float(0.0))
    }

    pub(crate) fn compare(&mut self, op: Op, left: NodeId, right: NodeId) -> NodeId {
        let value = self.object("True", true);
        self.add(Kind::Compare, op, LabelId::NONE, &[left, right], value)
    }

    /// A fact whose value is a literal.
    pub(crate) fn fact(&mut self, op: Op, of: NodeId, value: &str) -> NodeId {
        let value = self.object(value, true);
        self.add(Kind::Convert, op, LabelId::NONE, &[of], value)
    }

    pub(crate) fn build(&mut self, op: Op, of: &[NodeId]) -> NodeId {
        self.add(Kind::Build, op, LabelId::NONE, of, Value::Absent)
    }

    /// A node with a text, whose value is a float.
    pub(crate) fn texted(&mut self, kind: Kind, text: &str, keywords: &[&str], inputs: &[NodeId]) -> NodeId {
        let keywords = keywords.iter().map(|keyword| (*keyword).to_owned()).collect();
        let label = self.nodes.intern(Label { text: text.to_owned(), keywords });
        self.add(kind, Op::None, label, inputs, Value::Float(0.0))
    }

    pub(crate) fn plain(&mut self, kind: Kind, inputs: &[NodeId], after: &[NodeId]) -> NodeId {
        self.add_after(kind, Op::None, LabelId::NONE, inputs, after, Value::Absent)
    }
}

impl Describe for Trace {
    fn literal(&self, nodes: &Nodes, id: NodeId) -> Option<String> {
        let Value::Object(at) = nodes.row(id).value() else { return None };
        let (text, is_literal) = self.objects.get(at as usize)?;
        is_literal.then(|| text.clone())
    }

    fn name(&self, nodes: &Nodes, id: NodeId) -> String {
        match nodes.row(id).value() {
            Value::Object(at) => self.objects.get(at as usize).map_or_else(String::new, |(text, _)| text.clone()),
            _ => String::new(),
        }
    }

    fn key(&self, id: NodeId) -> u64 {
        match self.nodes.row(id).value() {
            Value::Object(at) => at,
            _ => u64::from(id.0) << 32,
        }
    }

    fn line(&self, nodes: &Nodes, id: NodeId) -> u32 {
        nodes.row(id).place.0.wrapping_add(1)
    }
}
