//! What each operation says about the values that it connects, for inference: of types, of units, of shapes.
//!
//! A constraint ties a value to what comes of it. They stand in the order of the operations; what a
//! traced call gives is tied to the function by the call's result, not by the call.

use clew_trace::values::{Kind, NodeId, Nodes, Op, PlaceId};
use rustc_hash::FxHashMap;

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a constraint says of its two nodes, the first of which is the *subject* and the second the *object*.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule { $($(#[$doc])* $name,)* }

        impl Rule {
            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

rules! {
    /// The subject has an attribute, which is the object.
    HasAttr,
    /// The subject is a class that makes the object.
    HasInit,
    /// The subject holds the object, under the key that the constraint is with.
    HasItem,
    /// The subject has a method which gives the object.
    HasCallableMethod,
    /// The subject is a function which gives the object.
    IsCallableFunction,
    /// The subject is passed on and is the object: an argument is the parameter, a result is what the call gives, what
    /// is yielded is what the generator gives next.
    ArgToContent,
    /// The subject, and what the constraint is with, are operands of an operator; the object is the result.
    Operator,
    /// The subject is compared to what the constraint is with; the object is the result.
    Comparison,
    /// The subject gives the object when it is iterated over.
    Iteration,
    /// The subject becomes a plain object of Python, as the conversion's name says.
    Conversion,
}

/// What an operation says about the values that it connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constraint<'a> {
    /// What it says.
    pub rule: Rule,
    /// The value of which it says something.
    pub subject: NodeId,
    /// What comes of it.
    pub object: NodeId,
    /// The other operand, or the key.
    pub with: Option<NodeId>,
    /// The attribute, method, parameter or operation.
    pub name: &'a str,
    /// Where the operation stands.
    pub place: PlaceId,
}

/// The constraints of all operations.
pub fn constraints(nodes: &Nodes) -> Vec<Constraint<'_>> {
    let mut found = Found { nodes, all: Vec::with_capacity(nodes.len()), of_calls: FxHashMap::default() };
    for id in nodes.ids() {
        found.operation(id);
    }
    found.all
}

struct Found<'a> {
    nodes: &'a Nodes,
    all: Vec<Constraint<'a>>,
    /// Constraints whose object is a traced call until its result is met.
    of_calls: FxHashMap<NodeId, usize>,
}

impl<'a> Found<'a> {
    fn add(&mut self, of: NodeId, rule: Rule, pair: (NodeId, NodeId), with: Option<NodeId>, name: &'a str) {
        let place = self.nodes.row(of).place;
        self.all.push(Constraint { rule, subject: pair.0, object: pair.1, with, name, place });
    }

    fn operation(&mut self, id: NodeId) {
        let nodes = self.nodes;
        let row = nodes.row(id);
        let mut inputs = nodes.inputs(id);
        let Some(first) = inputs.next() else { return };
        let second = inputs.next();
        let text = nodes.text(id);
        match row.kind {
            Kind::Input | Kind::Const | Kind::DelAttr | Kind::DelItem | Kind::Yield | Kind::Iter => {}
            Kind::GetAttr => self.add(id, Rule::HasAttr, (first, id), None, text),
            Kind::SetAttr => self.add(id, Rule::HasAttr, (first, second.unwrap_or(id)), None, text),
            Kind::New => self.add(id, Rule::HasInit, (first, id), None, text),
            Kind::GetItem => self.add(id, Rule::HasItem, (first, id), second, ""),
            Kind::SetItem => self.add(id, Rule::HasItem, (first, inputs.next().unwrap_or(id)), second, ""),
            Kind::Call | Kind::Dispatch => {
                self.of_calls.insert(id, self.all.len());
                let rule = if row.kind == Kind::Call { Rule::IsCallableFunction } else { Rule::HasCallableMethod };
                self.add(id, rule, (first, id), None, text);
            }
            Kind::UntracedCall => self.add(id, Rule::IsCallableFunction, (first, id), None, text),
            Kind::UntracedDispatch => self.add(id, Rule::HasCallableMethod, (first, id), None, text),
            Kind::Argument => self.add(id, Rule::ArgToContent, (second.unwrap_or(first), id), None, text),
            Kind::Return => {
                if let Some(at) = self.of_calls.remove(&first) {
                    self.all[at].object = id;
                }
                self.add(id, Rule::ArgToContent, (second.unwrap_or(first), id), None, "return");
            }
            Kind::Unary | Kind::Binary => self.add(id, Rule::Operator, (first, id), second, row.op.name()),
            Kind::Compare => self.add(id, Rule::Comparison, (first, id), second, row.op.name()),
            Kind::Convert => self.add(id, Rule::Conversion, (first, id), second, row.op.name()),
            Kind::Next => {
                let is_iter = nodes.row(first).kind == Kind::Iter;
                let iterable = nodes.inputs(first).next().filter(|_| is_iter).unwrap_or(first);
                self.add(id, Rule::Iteration, (iterable, id), None, row.op.name());
                if let Some(given) = second.filter(|given| nodes.row(*given).kind == Kind::Yield) {
                    self.add(id, Rule::ArgToContent, (given, id), None, "yield");
                }
            }
            Kind::Build => self.build(id),
        }
    }

    /// What is built holds its elements, or has them as attributes.
    fn build(&mut self, id: NodeId) {
        let nodes = self.nodes;
        let op = nodes.row(id).op;
        let mut elements = nodes.inputs(id);
        match op {
            Op::Dict => {
                while let (Some(key), Some(value)) = (elements.next(), elements.next()) {
                    self.add(id, Rule::HasItem, (id, value), Some(key), "");
                }
            }
            Op::NamedTuple | Op::Dataclass => {
                if let Some(class) = elements.next() {
                    self.add(id, Rule::HasInit, (class, id), None, op.name());
                }
                let names: &'a [String] = nodes.label(id).map_or(&[], |label| &label.keywords);
                for (at, element) in elements.enumerate() {
                    match names.get(at) {
                        Some(name) => self.add(id, Rule::HasAttr, (id, element), None, name),
                        None => self.add(id, Rule::HasItem, (id, element), None, ""),
                    }
                }
            }
            _ => {
                for element in elements {
                    self.add(id, Rule::HasItem, (id, element), None, "");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::Trace;
    use super::*;

    fn check(make: impl FnOnce(&mut Trace), expected: &[(Rule, u32, u32, Option<u32>, &str)]) {
        let mut trace = Trace::default();
        make(&mut trace);
        let found: Vec<_> = constraints(&trace.nodes)
            .into_iter()
            .map(|one| (one.rule, one.subject.0, one.object.0, one.with.map(|with| with.0), one.name.to_owned()))
            .collect();
        let expected = expected
            .iter()
            .map(|(rule, subject, object, with, name)| (*rule, *subject, *object, *with, (*name).to_owned()));
        assert_eq!(found, expected.collect::<Vec<_>>());
    }

    #[test]
    fn operators_items_and_attributes() {
        check(
            |t| {
                let (x, y) = (t.input("x", 1.0), t.input("y", 1.0));
                let sum = t.binary(Op::Add, x, y);
                t.compare(Op::Lt, sum, y);
                t.plain(Kind::GetItem, &[x, y], &[]);
                t.plain(Kind::SetItem, &[x, y, sum], &[]);
                t.texted(Kind::GetAttr, "a", &[], &[x]);
                t.texted(Kind::SetAttr, "b", &[], &[x, y]);
                t.fact(Op::Bool, y, "True");
                t.build(Op::Dict, &[x, y]);
            },
            &[
                (Rule::Operator, 0, 2, Some(1), "add"),
                (Rule::Comparison, 2, 3, Some(1), "lt"),
                (Rule::HasItem, 0, 4, Some(1), ""),
                (Rule::HasItem, 0, 2, Some(1), ""),
                (Rule::HasAttr, 0, 6, None, "a"),
                (Rule::HasAttr, 0, 1, None, "b"),
                (Rule::Conversion, 1, 8, None, "bool"),
                (Rule::HasItem, 9, 1, Some(0), ""),
            ],
        );
    }

    #[test]
    fn calls_are_tied_to_their_results() {
        check(
            |t| {
                let (f, x) = (t.named("f"), t.input("x", 1.0));
                let call = t.texted(Kind::Call, "f", &[], &[f, x]);
                let a = t.texted(Kind::Argument, "a", &[], &[call, x]);
                let minus = t.unary(Op::Neg, a);
                let result = t.plain(Kind::Return, &[call, minus], &[]);
                let iterator = t.plain(Kind::Iter, &[result], &[]);
                t.plain(Kind::Next, &[iterator], &[]);
                t.texted(Kind::UntracedDispatch, "m", &[], &[result, x]);
            },
            &[
                (Rule::IsCallableFunction, 0, 5, None, "f"),
                (Rule::ArgToContent, 1, 3, None, "a"),
                (Rule::Operator, 3, 4, None, "neg"),
                (Rule::ArgToContent, 4, 5, None, "return"),
                (Rule::Iteration, 5, 7, None, ""),
                (Rule::HasCallableMethod, 5, 8, None, "m"),
            ],
        );
    }
}
